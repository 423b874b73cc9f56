"""Named precisions."""

import pytest
import torch

from nascope._src.errors import StudyError
from nascope._src.training.precision import arithmetic

CPU = torch.device("cpu")


def test_precisions_that_are_not_there_are_refused_and_flags_restored():
    convolutions = torch.backends.cudnn.conv
    before = convolutions.fp32_precision
    with pytest.raises(StudyError, match="tf32 needs an NVIDIA GPU"), arithmetic("tf32", CPU):
        pass
    with pytest.raises(StudyError, match="no precision 'half'"), arithmetic("half", CPU):
        pass
    with arithmetic("float32", CPU):
        assert convolutions.fp32_precision == "ieee"
    assert convolutions.fp32_precision == before


def test_a_cpu_without_bf16_is_told(monkeypatch):
    monkeypatch.setattr("nascope._src.training.precision._has_bf16", lambda device: False)
    with pytest.warns(UserWarning, match="no bfloat16 arithmetic"), arithmetic("bf16", CPU):
        pass
