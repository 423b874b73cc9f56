"""The boundary around the user's model and loss: calls, failures, copies, settings of torch."""

import threading
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional

import nascope
from nascope._src.errors import ProbeError
from nascope._src.probes.failures import user_code
from nascope._src.probes.objective import cross_entropy, exact_attention, plain_attention
from nascope._src.probes.risk import Risk

X, Y = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 3


class Calling(nn.Module):
    """A linear layer in a model that is called through a function."""

    def __init__(self, function):
        super().__init__()
        self.layer, self.function = nn.Linear(4, 3), function

    def forward(self, *args, **kwargs):
        return self.function(self.layer, *args, **kwargs)


def raises(error):
    def function(*_):
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("mask"), r"^the model fails in evaluation mode: KeyError: 'mask'$"),
        (torch.OutOfMemoryError("CUDA out of memory"), "smaller batch_size"),
        (MemoryError(), "MemoryError. Use a smaller batch_size"),
        (RuntimeError("Expected all tensors to be on the same device"), "same device"),
        (ZeroDivisionError("one\ntwo"), "ZeroDivisionError: one$"),
        (RuntimeError("x" * 5000), "x …$"),
    ],
)
def test_a_failure_names_cause_and_remedy(error, message):
    with pytest.raises(ProbeError, match=message) as caught:
        Risk(Calling(raises(error)), X, Y)
    assert caught.value.__cause__ is error
    assert "\n" not in str(caught.value)


def test_the_loss_is_told_from_the_model():
    with pytest.raises(ProbeError, match="^the loss fails: KeyError"):
        Risk(nn.Linear(4, 3), X, Y, loss=raises(KeyError("weights")))
    with pytest.raises(ProbeError, match="^the model or batch_loss fails: KeyError"):
        Risk(nn.Linear(4, 3), X, batch_loss=raises(KeyError("weights")))


def test_an_error_of_nascope_passes():
    with pytest.raises(ProbeError, match="^mine$"), user_code("the model fails"):
        raise ProbeError("mine")
    with pytest.raises(KeyboardInterrupt), user_code("the model fails"):
        raise KeyboardInterrupt


def test_failures_during_a_probe():
    """A model that fails only away from w*, in a worker thread."""

    def fragile(layer, x):
        if float(layer.weight.detach().norm()) > 10:
            raise ValueError("diverged")
        return layer(x)

    risk = Risk(Calling(fragile), X, Y)
    with pytest.raises(ProbeError, match="ValueError: diverged"):
        nascope.landscape(risk, points=3, radius=50.0, workers=2, progress=False)


def test_how_inputs_are_passed():
    add = Calling(lambda layer, a, b: layer(a + b))
    batch = {"a": X, "b": 2 * X}
    expected = float(Risk(add, (X, 2 * X), Y).gradient()[0])
    assert Risk(add, batch, Y).gradient()[0] == pytest.approx(expected)
    whole = Calling(lambda layer, batch: layer(batch["a"] + batch["b"]))
    state = add.state_dict()
    whole.load_state_dict(state)
    assert Risk(whole, (batch,), Y).gradient()[0] == pytest.approx(expected)
    with pytest.raises(ProbeError, match="wrap it in a tuple"):
        Risk(whole, batch, Y)
    with pytest.raises(ProbeError, match="wrap it in a tuple"):
        Risk(whole, (X, X), Y)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((X,), {}, "expected targets for the cross-entropy"),
        ((X, Y), {"batch_loss": lambda model, x: model(x)[:, 0]}, "either batch_loss or loss"),
        ((X[:0], Y[:0]), {}, "at least one instance"),
        ((X, Y), {"batch_size": "many"}, "at least 1, and whole, not 'many'"),
        ((X, Y), {"batch_size": 2.5}, "at least 1, and whole, not 2.5"),
        ((X, Y), {"loss": lambda out, y: 1.0}, "not float"),
        ((X, Y), {"loss": lambda out, y: out.sum(1) * 1j}, "not of torch.complex64"),
    ],
)
def test_losses_and_data_that_do_not_fit(arguments, options, message):
    with pytest.raises(ProbeError, match=message):
        Risk(nn.Linear(4, 3), *arguments, **options)


def test_outputs_of_any_class():
    """Such as those of a library that can't be copied or updated, or that keep a graph."""

    class Outputs(OrderedDict):
        def update(self, *_, **__):
            raise TypeError("outputs can't be updated")

    def forward(layer, x):
        torch.set_grad_enabled(True)
        outputs = Outputs()
        outputs["logits"] = layer(x)
        return outputs

    plain = nn.Linear(4, 3)
    model = Calling(forward)
    model.layer = plain
    risk = Risk(model, X, Y, loss=lambda out, y: cross_entropy(out["logits"], y))
    for probe in (nascope.landscape, nascope.gradient_variance):
        found = probe(risk, points=3, dimensions=1, progress=False)
        assert found["loss"][1] == pytest.approx(Risk(plain, X, Y).gradient()[0])


def test_models_of_few_weights():
    scale = nn.Module()
    scale.w = nn.Parameter(torch.tensor(2.0))
    loss = {"batch_loss": lambda model, x: (model.w * x).square().sum(dim=1)}
    risk = Risk(scale, X, **loss)
    with pytest.warns(match="vmap"):
        norms = nascope.GradientVariance.norms(risk)
    assert norms == pytest.approx((4 * X.square().sum(dim=1)).numpy())
    with pytest.raises(ProbeError, match="at least 3 weights, but got 1"):
        nascope.curvature(risk, progress=False)
    empty = Calling(lambda layer, x: layer(x))
    empty.unused = nn.Parameter(torch.zeros(0, 3))
    found = nascope.curvature(Risk(empty, X, Y), top=1, points=0, progress=False)
    assert dict(zip(found["blocks"], found["lipschitz"], strict=True))["unused"] == 0


def test_statistics_of_the_batch_and_class_numbers():
    """The number of classes is read from two instances: batch statistics need more than one."""
    normed = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    surface = nascope.landscape(Risk(normed, X, Y, batchnorm="batch"), points=1, progress=False)
    assert surface.settings["classes"] == 3
    with pytest.raises(ProbeError, match="class numbers from 0"):
        Risk(normed, X, Y + 5)


def test_what_is_no_model_is_refused():
    with pytest.raises(ProbeError, match=r"torch.nn.Module as the model, but got a function"):
        Risk(lambda x: x, X, Y)
    with pytest.raises(ProbeError, match="but got the class Linear"):
        Risk(nn.Linear, X, Y)
    with torch.device("meta"):
        empty = nn.Linear(4, 3)
    with pytest.raises(ProbeError, match="'weight' is on the meta device"):
        Risk(empty, X, Y)
    locked = nn.Linear(4, 3)
    locked.lock = threading.Lock()
    with pytest.raises(ProbeError, match="can't be copied with copy.deepcopy: TypeError"):
        Risk(locked, X, Y)


def test_settings_of_torch_that_threads_share_are_restored():
    """The last thread that leaves restores them, in whatever order the threads leave."""
    flash, fast = torch.backends.cuda.flash_sdp_enabled, torch.backends.mha.get_fastpath_enabled
    before = flash(), fast()
    entered, leave = threading.Barrier(3), [threading.Event(), threading.Event()]

    def work(number):
        with plain_attention, exact_attention:
            entered.wait()
            leave[number].wait()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    entered.wait()
    assert (flash(), fast()) == (False, False)
    leave[0].set()
    threads[0].join()
    assert (flash(), fast()) == (False, False)  # the other thread is still within
    leave[1].set()
    threads[1].join()
    assert (flash(), fast()) == before


def test_your_inputs_and_gradients_stay_as_they_are():
    x = X.clone().requires_grad_()
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3))
    risk = Risk(model, x, Y)
    nascope.gradient_variance(risk, points=3, dimensions=1, progress=False)
    nascope.curvature(risk, top=1, points=0, progress=False)
    assert torch.equal(x.detach(), X)
    assert x.grad is None
    assert all(parameter.grad is None for parameter in model.parameters())


def test_calibration_through_a_loss_of_the_model():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))

    def losses(model, batch):
        return functional.cross_entropy(model(batch["x"]), batch["y"], reduction="none")

    one = Risk(model, X, Y, batchnorm="recalibrated")
    other = Risk(model, {"x": X, "y": Y}, batch_loss=losses, batchnorm="recalibrated")
    assert other.gradient()[0] == pytest.approx(one.gradient()[0])
