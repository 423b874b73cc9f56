import pytest
import torch
from torch import nn

from nascope._src.cells.catalog import load as load_cell
from nascope._src.networks.folding import folded
from tests import cases


@pytest.mark.parametrize("name", ["all", "NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"])
def test_folding_changes_no_answer(name):
    genotype = cases.all_operations() if name == "all" else load_cell(name)
    network = cases.small_network(genotype, image_size=16, layers=4).eval()
    images, _ = cases.random_batch(5, size=16)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    copy = folded(network)
    torch.testing.assert_close(copy(images), network(images), rtol=1e-10, atol=1e-10)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in copy.modules())
    for key, value in network.state_dict().items():  # the network itself stays as it was
        assert torch.equal(value, before[key]), key


def test_a_norm_without_a_convolution_before_it_stays():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1), nn.ReLU(), nn.BatchNorm2d(2))
    copy = folded(network.eval())
    assert [type(layer) for layer in copy] == [type(layer) for layer in network]


def test_a_convolution_keeps_its_bias_and_a_norm_may_have_no_scale():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2, affine=False)).double().eval()
    network[1].running_mean.uniform_(-1, 1)
    network[1].running_var.uniform_(0.5, 2)
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(folded(network)(images), network(images), rtol=1e-12, atol=1e-12)
