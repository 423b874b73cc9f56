import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.errors import DataError
from nascope._src.training.checkpoint import Checkpoint
from nascope._src.training.trained import load_training_data, require_digest
from tests.cases import train
from tests.training.checks import SHORT


def test_the_data_are_those_of_the_training(digits, tmp_path):
    done = train(load_cell("SNAS"), digits, SHORT, seed=0, path=tmp_path / "c.safetensors")
    assert load_training_data(done, None).digest == digits.digest
    records = {**done.records, "data": {**done.records["data"], "digest": "0" * 16}}
    with pytest.raises(DataError, match="its digest is .*, not 0000000000000000"):
        load_training_data(Checkpoint(done.tensors, records), None)


def test_another_data_set_is_refused(digits):
    assert require_digest(digits, digits.digest) is digits
    with pytest.raises(DataError, match="digits is another data set than planned"):
        require_digest(load_data("digits", train_size=201, test_size=60), digits.digest)
