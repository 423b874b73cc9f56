"""Every specimen of the zoo agrees with a plain float64 loop in each probe, or is refused."""

import copy
import re
import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy

import nascope
from nascope._src.errors import ProbeError
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import measure_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.risk import Risk
from tests.probes.zoo import ZOO, N, Specimen

LINE = Grid((-0.4, 0.0, 0.7))


def made(specimen: Specimen) -> torch.nn.Module:
    """The model, in the dtype that it was made in if that is not torch's default."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = specimen.make().eval()
    keep = specimen.tolerance > 1e-4 or any(map(is_lazy, model.parameters()))
    return model if keep or "must not cast" in specimen.refused.get("risk", "") else widened(model)


def widened(model):
    """The model in float64, or complex128."""
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            if value.is_complex():
                value.data = value.data.to(torch.complex128)
            elif value.is_floating_point():
                value.data = value.data.double()
    return model


def one(structure, k):
    """Instance k alone, in float64."""
    if isinstance(structure, torch.Tensor):
        value = structure[k : k + 1].clone()
        return value.double() if value.is_floating_point() else value
    if isinstance(structure, dict):
        return {key: one(value, k) for key, value in structure.items()}
    return None if structure is None else type(structure)(one(value, k) for value in structure)


def loss_of(model, specimen, k):
    """The loss of one instance, plainly."""
    x, y = one(specimen.inputs, k), one(specimen.targets, k)
    if specimen.batch_loss is not None:
        return specimen.batch_loss(model, x)[0]
    match x:
        case tuple():
            out = model(*x)
        case dict():
            out = model(**x)
        case _:
            out = model(x)
    if specimen.loss is not None:
        return (specimen.loss(out) if y is None else specimen.loss(out, y))[0]
    return functional.cross_entropy(out, y)


def flat(tensors):
    """One real vector."""
    parts = [torch.view_as_real(t) if t.is_complex() else t for t in dense(tensors)]
    return torch.cat([part.detach().flatten().double() for part in parts])


def gradients(losses, parameters, **options):
    return torch.autograd.grad(
        losses, parameters, allow_unused=True, materialize_grads=True, **options
    )


def dense(values):
    return [value.to_dense() if value.is_sparse else value for value in values]


def displaced(specimen, direction, coefficient):
    """A float64 model whose weights are w + c d."""
    moved = plain(specimen)
    with torch.no_grad():
        for name, value in moved.named_parameters():
            if value.requires_grad:
                value += coefficient * direction[name].to(value.dtype)
    return moved


def plain(specimen):
    """The model inside any wrapper, in float64."""
    model = made(specimen)
    for name in ("_orig_mod", "module"):
        model = getattr(model, name, model)
    return widened(model)


def hessian(specimen):
    model = plain(specimen)
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss = sum(loss_of(model, specimen, k) for k in range(N)) / N
    if specimen.differences:
        return hessian_by_differences(model, specimen, parameters)
    rows: list[torch.Tensor] = []
    for gradient in dense(gradients(loss, parameters, create_graph=True)):
        parts = torch.view_as_real(gradient) if gradient.is_complex() else gradient
        for entry in parts.flatten():
            if not entry.requires_grad:
                rows.append(torch.zeros_like(flat(parameters)))
                continue
            rows.append(flat(gradients(entry, parameters, retain_graph=True)))
    return torch.stack(rows)


def hessian_by_differences(model, specimen, parameters, step=1e-5):
    rows = []
    for parameter in parameters:
        for entry in parameter.detach().view(-1).split(1):
            sides = []
            for sign in (1, -1):
                entry += sign * step
                loss = sum(loss_of(model, specimen, k) for k in range(N)) / N
                sides.append(flat(gradients(loss, parameters)))
                entry -= sign * step
            rows.append((sides[0] - sides[1]) / (2 * step))
    return torch.stack(rows)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.filterwarnings("ignore:Dropout")
@pytest.mark.parametrize("name", ZOO)
def test_it_agrees_with_a_plain_loop_or_is_refused(name):
    specimen = ZOO[name]
    model = made(specimen)
    before = [p.detach().clone() for p in model.parameters() if not is_lazy(p)]
    inputs = copy.deepcopy(specimen.inputs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with sdpa_kernel(SDPBackend.MATH):  # has second derivatives
            check(specimen, model)
    reports = [w for w in caught if "per-instance gradients" in str(w.message)]
    assert len(reports) <= 1  # reported once
    texts = [str(w.message) for w in caught]
    assert specimen.warned is None or any(re.search(specimen.warned, text) for text in texts)
    now = [p for p in model.parameters() if not is_lazy(p)]
    for value, old in zip(now, before, strict=True):
        assert torch.equal(value, old)
    if isinstance(inputs, torch.Tensor):
        assert torch.equal(inputs, specimen.inputs)


def check(specimen, model):
    x, y, refused = specimen.inputs, specimen.targets, specimen.refused
    if "risk" in refused:
        with pytest.raises(ProbeError, match=refused["risk"]):
            Risk(model, x, y, batch_size=4, **specimen.options())
        return
    risk = Risk(model, x, y, batch_size=4, **specimen.options())
    direction = random_directions(risk.origin, 1, seed=0, one_dimensional="scale")[0]
    tolerance = {"rel": specimen.tolerance, "abs": specimen.tolerance**1.5}

    if "landscape" in refused:
        with pytest.raises(ProbeError, match=refused["landscape"]):
            compute_landscape(risk, [direction], LINE)
    else:
        found = compute_landscape(risk, [direction], LINE, workers=2)["loss"]
        for index, alpha in enumerate(LINE.alphas):
            moved = displaced(specimen, direction, alpha)
            interact = "variance" in refused and "batch" in refused["variance"]
            if not interact and "running" not in refused.get("variance", ""):
                losses = [float(loss_of_value(moved, specimen, k)) for k in range(N)]
                assert found[index] == pytest.approx(np.mean(losses), **tolerance)

    if "variance" in refused:
        with pytest.raises(ProbeError, match=refused["variance"]):
            measure_gradient_variance(risk, [direction], LINE)
    else:
        arrays, method = measure_gradient_variance(risk, [direction], LINE)
        assert specimen.method in (None, method.name), method
        for index, alpha in enumerate(LINE.alphas):
            moved = displaced(specimen, direction, alpha)
            weights = [p for p in moved.parameters() if p.requires_grad]
            each = torch.stack(
                [flat(gradients(loss_of(moved, specimen, k), weights)) for k in range(N)]
            )
            expected = each.var(dim=0, correction=0).sum()
            assert arrays["variance"][index] == pytest.approx(float(expected), **tolerance)
            norm = each.mean(dim=0).norm()
            assert arrays["mean_gradient_norm"][index] == pytest.approx(float(norm), **tolerance)

    if "curvature" in refused:
        with pytest.raises(ProbeError, match=refused["curvature"]):
            nascope.curvature(risk, top=1, progress=False)
    elif "running" not in refused.get("variance", "") and "batch" not in refused.get(
        "variance", ""
    ):
        exact = torch.linalg.eigvalsh(hessian(specimen))
        risk.batch_size = N  # to save time
        result = eigenvalues(risk, 1, tolerance=1e-6 if specimen.tolerance < 1e-4 else 1e-4)
        scale = {"abs": specimen.tolerance * float(exact.abs().max())}
        assert result.largest[0] == pytest.approx(float(exact[-1]), **scale)
        assert result.smallest == pytest.approx(float(exact[0]), **scale)


def loss_of_value(model, specimen, k):
    """The loss with gradients enabled, or without if it works only so."""
    try:
        return loss_of(model, specimen, k).detach()
    except RuntimeError:
        with torch.no_grad():
            return loss_of(model, specimen, k)
