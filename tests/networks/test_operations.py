import pytest
import torch

from nascope._src.cells.operation_names import OPERATIONS
from nascope._src.errors import GenotypeError
from nascope._src.networks.operations import FactorizedReduce, build_operation


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_keeps_its_channels_and_divides_the_resolution(name, stride):
    out = build_operation(name, 4, stride)(torch.randn(2, 4, 8, 8))
    assert out.shape == (2, 4, 8 // stride, 8 // stride)


def test_unknown_operations_are_refused():
    with pytest.raises(GenotypeError, match="no network module for operation 'shuffle'"):
        build_operation("shuffle", 4, 1)
    with pytest.raises(GenotypeError, match="no network module"):
        build_operation("sep_conv_4x4", 4, 1)
    with pytest.raises(ValueError, match="expected an even number of channels, but got 3"):
        FactorizedReduce(4, 3)
