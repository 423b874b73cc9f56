"""Landscape and gradient variance against slow float64 references, on networks of cells."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import Share
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.per_instance import choose_method, gradient_norms
from nascope._src.probes.risk import Risk
from tests import cases, reference

GRID = Grid((-0.5, 0.0, 0.7), (-1.0, 0.3))  # not square, not symmetric
CELLS = ["all", "NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"]
MODES = ["frozen", "recalibrated", "batch"]


def genotype_of(name):
    return cases.all_operations() if name == "all" else load_cell(name)


def recalibrated(genotype, state, images, batch_size):
    """The state with running statistics estimated on batches, as plainly as can be."""
    count = -(-len(images) // batch_size)
    edges = [k * len(images) // count for k in range(count + 1)]
    batches = []
    for start, stop in itertools.pairwise(edges):
        seen = {}
        part = images[start:stop]
        reference.network_logits(genotype, state, part, layers=3, training=True, seen=seen)
        batches.append(seen)
    means = {key: sum(seen[key] for seen in batches) / count for key in batches[0]}
    return {**state, **means}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CELLS)
def test_landscape_agrees_with_the_plain_reference(name, mode):
    genotype = genotype_of(name)
    network = cases.small_network(genotype)
    images, labels = cases.random_batch(8)
    calibration, _ = cases.random_batch(10, seed=1)
    risk = Risk(network, images, labels, batch_size=4, batchnorm=mode, calibration=calibration)
    assert (risk.folded is not None) == (mode != "batch")
    directions = random_directions(risk.origin, 2, seed=1)
    found = compute_landscape(risk, directions, GRID, workers=2)
    for i, alpha in enumerate(GRID.alphas):
        for j, beta in enumerate(GRID.betas):
            state = reference.at_displacement(network, directions, (alpha, beta))
            if mode == "recalibrated":
                state = recalibrated(genotype, state, calibration, 4)
            parts = [images] if mode != "batch" else images.split(4)
            logits = torch.cat(
                [
                    reference.network_logits(
                        genotype, state, part, layers=3, training=mode == "batch"
                    )[0]
                    for part in parts
                ]
            )
            losses = functional.cross_entropy(logits, labels, reduction="none")
            hits = (logits.argmax(dim=1) == labels).double()
            assert found["loss"][i, j] == pytest.approx(float(losses.mean()), rel=1e-8)
            assert found["loss_error"][i, j] == pytest.approx(float(losses.std()) / 8**0.5)
            assert found["accuracy"][i, j] == pytest.approx(float(hits.mean()))
            assert found["accuracy_error"][i, j] == pytest.approx(float(hits.std()) / 8**0.5)


@pytest.mark.parametrize("mode", ["frozen", "recalibrated"])
@pytest.mark.parametrize("method", ["layerwise", "vmap"])
@pytest.mark.parametrize("name", CELLS)
def test_gradient_variance_agrees_with_single_instances(name, method, mode):
    genotype = genotype_of(name)
    network = cases.small_network(genotype)
    images, labels = cases.random_batch(7)
    calibration, _ = cases.random_batch(6, seed=1)
    risk = Risk(network, images, labels, batch_size=3, batchnorm=mode, calibration=calibration)
    directions = random_directions(risk.origin, 2, seed=1)
    grid = Grid((0.4,), (-1.0, 0.3))
    found = compute_gradient_variance(risk, directions, grid, method=method)
    names = [key for key, _ in network.named_parameters()]
    blocks = [
        ".".join(n.split(".")[:2]) if n.startswith("cells") else n.split(".")[0] for n in names
    ]
    for j, beta in enumerate(grid.betas):
        state = reference.at_displacement(network, directions, (0.4, beta))
        if mode == "recalibrated":
            state = recalibrated(genotype, state, calibration, 3)
        parameters = [state[key].requires_grad_() for key in names]

        def loss_of_one(k, state=state):
            part = slice(k, k + 1)
            logits, _ = reference.network_logits(genotype, state, images[part], layers=3)
            return functional.cross_entropy(logits, labels[part])

        variance, norm, loss = reference.gradient_moments(loss_of_one, parameters, 7)
        assert found["variance"][0, j] == pytest.approx(variance, rel=1e-7)
        assert found["mean_gradient_norm"][0, j] == pytest.approx(norm, rel=1e-7)
        assert found["loss"][0, j] == pytest.approx(loss, rel=1e-8)
        assert list(found["blocks"]) == list(dict.fromkeys(blocks))
        for number, block in enumerate(found["blocks"]):
            own = [p for p, b in zip(parameters, blocks, strict=True) if b == block]
            expected, _, _ = reference.gradient_moments(loss_of_one, own, 7)
            got = found["block_variance"][0, j, number]
            assert got == pytest.approx(expected, rel=1e-7, abs=1e-12 * variance), block


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", CELLS)
def test_float32_is_close_in_either_memory_order(name, layout):
    network = cases.small_network(genotype_of(name))
    images, labels = cases.random_batch(8)
    exact = Risk(network, images, labels)
    directions = random_directions(exact.origin, 2, seed=1)
    expected = compute_gradient_variance(exact, directions, GRID)
    values = compute_landscape(exact, directions, GRID)["loss"]
    single = network.float().to(memory_format=layout)
    risk = Risk(single, images.float().to(memory_format=layout), labels)
    assert choose_method(risk).name == "layerwise"
    narrow = [{name: value.float() for name, value in d.items()} for d in directions]
    found = compute_gradient_variance(risk, narrow, GRID)
    for key in ("variance", "mean_gradient_norm", "loss", "block_variance"):
        scale = np.abs(expected[key]).max(axis=-1, keepdims=True)
        np.testing.assert_allclose(
            found[key] / scale, expected[key] / scale, rtol=1e-3, atol=1e-3, err_msg=key
        )
    np.testing.assert_allclose(compute_landscape(risk, narrow, GRID)["loss"], values, rtol=1e-3)


def test_the_users_model_is_not_touched():
    network = cases.small_network().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images, labels = cases.random_batch(4)
    for mode in MODES:
        risk = Risk(network, images, labels, batchnorm=mode)
        directions = random_directions(risk.origin, 2, seed=0)
        compute_landscape(risk, directions, GRID, workers=2)
        if mode != "batch":
            compute_gradient_variance(risk, directions, GRID)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def minibatch_variance(risk, size, *, draws):
    """E‖ĝ − ∇f‖² of the mean gradient ĝ over a batch of that size, from batches drawn without
    replacement; and its standard error."""
    _, centre = risk.gradient()
    generator = torch.Generator().manual_seed(size)
    inputs, targets = risk.inputs, risk.targets
    squares = []
    for _ in range(draws):
        chosen = torch.randperm(len(inputs), generator=generator)[:size]
        risk.inputs, risk.targets = inputs[chosen], targets[chosen]
        _, gradient = risk.gradient()
        distances = [(gradient[name] - centre[name]).square().sum() for name in centre]
        squares.append(float(sum(distances)))
    risk.inputs, risk.targets = inputs, targets
    return np.mean(squares), np.std(squares, ddof=1) / draws**0.5


def test_minibatches_vary_as_the_formula_says():
    """g/b · (n−b)/(n−1), against batches drawn and plainly differentiated."""
    images, labels = cases.random_batch(20)
    risk = Risk(cases.small_network(load_cell("SNAS")), images, labels, batch_size=5)
    directions = random_directions(risk.origin, 2, seed=0)
    grid = Grid((0.0,), (0.0,))
    variance = compute_gradient_variance(risk, directions, grid)["variance"].item()
    risk.displace([], [])
    for size in (1, 4, 16):
        expected = variance / size * (20 - size) / 19
        measured, error = minibatch_variance(risk, size, draws=200)
        assert abs(measured - expected) < 4 * error
        assert error < 0.2 * expected
    measured, error = minibatch_variance(risk, 20, draws=3)
    assert measured < 1e-15 * variance


def test_gradient_norms():
    images, labels = cases.random_batch(7)
    risk = Risk(cases.small_network(), images, labels, batch_size=3)
    found = gradient_norms(risk)
    for index in range(7):
        _, gradient = risk.gradient(slice(index, index + 1))
        norm = torch.cat([value.flatten() for value in gradient.values()]).norm()
        assert found[index].item() == pytest.approx(norm.item(), rel=1e-9)
    variance = compute_gradient_variance(
        risk, random_directions(risk.origin, 2, seed=0), Grid((0.0,), (0.0,))
    )
    second_moment = variance["variance"].item() + variance["mean_gradient_norm"].item() ** 2
    assert found.square().mean().item() == pytest.approx(second_moment, rel=1e-9)


def test_no_cancellation_where_the_mean_is_large():
    """Gradients 10 ± 1e-3 in float32: E‖g‖² − ‖E g‖² would be noise, even negative."""
    model = nn.Linear(50, 1, bias=False)
    x = 10 + 1e-3 * torch.randn(2000, 50, generator=torch.Generator().manual_seed(0))
    risk = Risk(model, x, torch.zeros(2000), loss=lambda out, _: out[:, 0], batch_size=300)
    directions = random_directions(risk.origin, 2, seed=0)
    for method in ("layerwise", "vmap"):
        found = compute_gradient_variance(risk, directions, Grid((0.0,), (0.0,)), method=method)
        expected = x.double().var(dim=0, correction=0).sum()
        assert found["variance"].item() == pytest.approx(float(expected), rel=1e-4)


def test_non_finite_values_are_kept():
    model = nn.Linear(4, 3)
    x, y = torch.randn(8, 4), torch.zeros(8, dtype=torch.long)
    risk = Risk(model, x, y)
    huge = [{name: torch.full_like(v, 3e38) for name, v in risk.origin.items()}] * 2
    found = compute_landscape(risk, huge, Grid((0.0, 1.0), (0.0, 1.0)))
    assert np.isfinite(found["loss"][0, 0])
    assert not np.isfinite(found["loss"][1, 1])
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    broken = Risk(model, x, y)
    for probe in (compute_landscape, compute_gradient_variance):
        for name, values in probe(broken, huge, Grid((0.0,), (0.0, 1.0))).items():
            if name != "blocks":
                assert np.isnan(values).all()
                assert values.shape[:2] == (1, 2)


def test_a_line():
    images, labels = cases.random_batch(6)
    risk = Risk(cases.small_network(), images, labels)
    directions = random_directions(risk.origin, 2, seed=0)
    plane = compute_landscape(risk, directions, Grid((-0.5, 0.5), (0.0,)))
    line = compute_landscape(risk, directions[:1], Grid((-0.5, 0.5)))
    assert np.array_equal(line["loss"], plane["loss"][:, 0])
    with pytest.raises(ProbeError, match="got 2 directions for a grid with 1 axes"):
        compute_landscape(risk, directions, Grid((-0.5, 0.5)))


def test_one_instance_has_no_standard_error():
    risk = Risk(nn.Linear(2, 2), torch.randn(1, 2), torch.zeros(1, dtype=torch.long))
    found = compute_landscape(risk, random_directions(risk.origin, 1, seed=0), Grid.line(3))
    assert np.isfinite(found["loss"]).all()
    assert np.isnan(found["loss_error"]).all()


class Killed(Exception):
    pass


@pytest.mark.parametrize("probe", [compute_landscape, compute_gradient_variance])
def test_parts_of_a_grid_are_put_together(probe, tmp_path):
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network(), images, labels)
    directions = random_directions(risk.origin, 2, seed=0)
    grid = Grid((-1.0, 0.0, 0.5, 1.0, 1.5), (0.0, 0.5, 0.6))  # 15 points, 4 chunks
    for place in (2, 0, 1):  # in any order
        probe(risk, directions, grid, chunks=tmp_path, part=Share(place, 3))
    assert [path.name for path in sorted(tmp_path.glob("*"))] == [f"000{k}.npz" for k in range(4)]
    points = []
    found = probe(risk, directions, grid, chunks=tmp_path, progress=lambda _, w: points.append(w))
    assert len(points) == 4  # a word for each chunk found: none is computed
    for name, values in probe(risk, directions, grid).items():
        assert np.array_equal(found[name], values), name
    with pytest.raises(ProbeError, match="needs a folder"):
        probe(risk, directions, grid, part=Share(0, 3))
    with pytest.raises(ProbeError, match=r"part must be in \[0, 3\), got 3"):
        Share(3, 3)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("probe", [compute_landscape, compute_gradient_variance])
def test_chunks_are_kept_and_taken_up_again(probe, workers, tmp_path):
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network(), images, labels)
    directions = random_directions(risk.origin, 2, seed=0)
    grid = Grid((-1.0, 0.0, 0.5, 1.0, 1.5), (0.0, 0.5, 0.6))  # 15 points, 4 chunks
    whole = probe(risk, directions, grid)
    points = []

    def kill_after_nine(share, words):
        points.append(words)
        if len(points) == 9:
            raise Killed

    with pytest.raises(Killed):
        probe(risk, directions, grid, chunks=tmp_path, progress=kill_after_nine, workers=workers)
    kept = sorted(tmp_path.glob("*.npz"))
    assert 1 <= len(kept) <= 3
    kept[-1].write_bytes(b"damaged")
    changed = kept[0].stat().st_mtime_ns
    shares = []
    found = probe(
        risk, directions, grid, chunks=tmp_path, workers=3, progress=lambda s, _: shares.append(s)
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1
    if len(kept) > 1:
        assert kept[0].stat().st_mtime_ns == changed  # not computed again
    for name, values in whole.items():
        assert np.array_equal(found[name], values), name


def test_the_grid_starts_anew_from_the_weights_at_each_point():
    """w + d − d ≠ w in floating point: the centre must give w* itself, wherever it comes."""
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network().float(), images.float(), labels)
    directions = random_directions(risk.origin, 2, seed=0)
    alone = compute_landscape(risk, directions, Grid((0.0,), (0.0,)))["loss"].item()
    after = compute_landscape(risk, directions, Grid((-0.3, 0.7, 0.0), (1.0, -0.9, 0.0)))["loss"]
    assert after[2, 2] == alone


def test_golden_values():
    """Guards NUMERICS_VERSION of the probes: a commit that changes these numbers bumps it."""
    from nascope._src.records.identity import NUMERICS_VERSION  # noqa: PLC0415

    assert (NUMERICS_VERSION["landscape"], NUMERICS_VERSION["variance"]) == (3, 3)
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network(load_cell("AmoebaNet")), images, labels)
    directions = random_directions(risk.origin, 2, seed=3)
    loss = compute_landscape(risk, directions, Grid((0.5,), (-0.5,)))["loss"].item()
    variance = compute_gradient_variance(risk, directions, Grid((0.5,), (-0.5,)))["variance"].item()
    assert (loss, variance) == pytest.approx(GOLDEN, rel=1e-6)


GOLDEN = (1.0760831828907906, 3.3594179282121677)
