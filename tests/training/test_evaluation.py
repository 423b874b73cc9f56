"""Evaluating a network."""

import copy
import subprocess
import sys
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.augmentation import Images
from nascope._src.data.datasets import load_data
from nascope._src.errors import StudyError
from nascope._src.training.build import build_network
from nascope._src.training.evaluation import TOP, evaluate, ranks
from nascope._src.training.recipe import Recipe

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", test_size=120)


@pytest.fixture(scope="module")
def network(digits):
    return build_network(load_cell("DARTS"), Recipe(channels=4, layers=3), digits.summary(), seed=0)


def held_out(data):
    images = Images(data.test.images, data.mean, data.std, device=CPU)
    return images, torch.from_numpy(data.test.labels)


def by_hand(network, images, labels):
    """Image by image, in float64, BatchNorm as it is."""
    double = copy.deepcopy(network).double().eval()
    losses, places = [], []
    with torch.no_grad():
        for index in range(len(images)):
            logits = double(images.plain(slice(index, index + 1)).double())[0]
            losses.append(-functional.log_softmax(logits, 0)[labels[index]])
            places.append(int((logits > logits[labels[index]]).sum()))
    return torch.stack(losses), torch.tensor(places)


def test_against_each_image_alone_in_float64(network, digits):
    images, labels = held_out(digits)
    losses, places = by_hand(network, images, labels)
    got = evaluate(network, images, labels)
    torch.testing.assert_close(got.losses.double(), losses, rtol=1e-4, atol=1e-5)
    assert got.loss == pytest.approx(float(losses.mean()), rel=1e-5)
    assert got.accuracy == float((places == 0).double().mean())
    assert got.top5 == float((places < 5).double().mean())
    assert 0 < got.accuracy < got.top5 < 1
    assert torch.equal(got.correct, places == 0)


def test_few_classes_and_not_a_number():
    logits = torch.tensor([[0.0, 1.0, 2.0], [float("nan")] * 3])
    assert ranks(logits, torch.tensor([0, 1]))[0] == 2
    assert ranks(logits[:1], torch.tensor([2])).tolist() == [0]
    assert 0 <= int(ranks(logits, torch.tensor([0, 1]))[1]) <= 5


class Greedy(nn.Module):
    """Runs out of memory for more images than it is told to hold."""

    def __init__(self, network, holds, error):
        super().__init__()
        self.network, self.holds, self.error = network, holds, error
        self.sizes = []

    def __deepcopy__(self, memo):
        copied = Greedy(copy.deepcopy(self.network, memo), self.holds, self.error)
        copied.sizes = self.sizes
        return copied

    def forward(self, images):
        self.sizes.append(len(images))
        if len(images) > self.holds:
            raise self.error
        return self.network(images)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory"),
    ],
)
def test_out_of_memory_halves_the_batch_and_goes_on(network, digits, error):
    images, labels = held_out(digits)
    greedy = Greedy(network.eval(), 20, error)
    with pytest.warns(UserWarning, match="out of memory evaluating (64|32) images"):
        got = evaluate(greedy, images, labels, batch_size=64)
    assert greedy.sizes == [64, 32, *[16] * 7, 8]
    expected = evaluate(network, images, labels)
    torch.testing.assert_close(got.losses, expected.losses, rtol=1e-4, atol=1e-5)
    assert torch.equal(got.ranks, expected.ranks)
    with pytest.raises(StudyError, match="not even one image"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluate(Greedy(network, 0, error), images, labels)


def test_another_error_is_not_taken_for_lack_of_memory(network, digits):
    images, labels = held_out(digits)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        evaluate(Greedy(network, 0, RuntimeError("shapes cannot be multiplied")), images, labels)


LIMITED = """
import resource, torch
from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.augmentation import Images
from nascope._src.data.datasets import load_data
from nascope._src.training.evaluation import evaluate
from nascope._src.training.recipe import Recipe
from nascope._src.training.build import build_network
data = load_data("digits")
recipe = Recipe(channels=64, layers=3)
network = build_network(load_cell("DARTS"), recipe, data.summary(), seed=0)
images = Images(data.train.images, data.mean, data.std, device=torch.device("cpu"))
labels = torch.from_numpy(data.train.labels)
torch.set_num_threads(1)
whole = evaluate(network, images, labels, batch_size=64)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = used + 300 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
got = evaluate(network, images, labels, batch_size=1437)
print(torch.equal(got.ranks, whole.ranks))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's memory as Linux does")
def test_a_process_of_little_memory_evaluates_all_the_same():
    result = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.stdout.strip() == "True", result.stderr
    assert "out of memory evaluating 1437 images at once; continuing with 718" in result.stderr


def test_bf16_is_near_and_recorded_as_another_precision(network, digits):
    images, labels = held_out(digits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a CPU without bf16 says so
        got = evaluate(network, images, labels, precision="bf16")
    exact = evaluate(network, images, labels)
    assert got.losses.dtype == torch.float32
    assert not torch.equal(got.losses, exact.losses)
    assert got.loss == pytest.approx(exact.loss, rel=0.05)


def test_an_image_with_a_logit_that_is_nan_is_wrong():
    logits = torch.tensor([[float("nan"), 1.0], [0.0, 1.0], [float("nan"), float("nan")]])
    assert ranks(logits, torch.tensor([0, 1, 1])).tolist() == [TOP, 0, TOP]
