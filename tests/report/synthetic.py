"""Invented studies, written as real files by the records layer's own writers.

Nothing here was trained. The numbers are made to look like training, and to hold everything that
a report must survive: cells of a grid that are not finite, trials that diverged, failed, never
started or are still running, hostile names, other shapes than the usual.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.designs import DesignPlace
from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.cells.wiring import random_variant
from nascope._src.records import files
from nascope._src.records.checkpoint_files import CORRECT_KEY, make_metadata
from nascope._src.records.identity import compute_identity
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import Plan, PlannedProbe, PlannedTrial, write_plan
from tests.results.designed import contrast_cells

HOSTILE_NAME = "<script>alert(1)</script>"
LONG_NAME = "A-cell-with-a-very-long-name-that-nobody-would-type-by-hand-0"
DATA = {
    "name": "digits",
    "digest": "5c9f2d1e0b7a4c3d",
    "classes": 10,
    "train": 1438,
    "test": 359,
    "validation": 0,
    "image_size": 8,
    "image_channels": 1,
}
RECIPE = {
    "epochs": 12,
    "learning_rate": 0.025,
    "batch_size": 80,
    "momentum": 0.9,
    "weight_decay": 3e-4,
    "channels": 8,
    "layers": 5,
}
MADE_BY = {
    "nascope": "0.1.0",
    "numerics": 1,
    "python": "3.11.2",
    "torch": "2.13.0",
    "numpy": "2.4.6",
    "system": "Linux x86_64",
    "host": "somewhere",
    "process": 4711,
    "time": "2026-01-01T00:00:00+00:00",
    "device": "cpu (AVX2)",
    "threads": 1,
}


@dataclass(frozen=True)
class Fake:
    """One invented trial, and what is on disk of it."""

    label: str
    genotype: Genotype
    family: str = "DARTS"
    variant: str = "original"
    seed: int = 0
    roughness: float = 1.0  # scales everything that the report compares
    recipe: Mapping[str, Any] = field(default_factory=dict)  # what differs from RECIPE
    epochs: int | None = None  # completed; all of them if not given
    diverged_at: int | None = None
    error: str | None = None
    landscape: np.ndarray | None = None  # (A, B) losses
    variance: np.ndarray | None = None  # (A, B)
    started: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)  # what differs from DATA
    modes: tuple[str, ...] = ("frozen",)  # BatchNorm modes of the probes
    eigenvalues: tuple[float, ...] = ()  # of a curvature probe
    at: str = "end"  # when it was probed
    design: DesignPlace | None = None


def bowl(shape: tuple[int, int] = (21, 21), *, roughness: float = 1.0, seed: int = 0) -> np.ndarray:
    """A loss landscape: a bowl that steepens with ``roughness``, with some waves on it."""
    alphas, betas = (np.linspace(-1, 1, size) for size in shape)
    a, b = np.meshgrid(alphas, betas, indexing="ij")
    phase = np.random.default_rng(seed).uniform(0, 6, 4)
    waves = np.sin(3 * a + phase[0]) * np.cos(2.5 * b + phase[1]) + 0.4 * np.sin(6 * b + phase[2])
    return (
        0.35
        + 2.2 * roughness * (a**2 + 0.7 * b**2 + 0.3 * a * b)
        + 0.12 * roughness * (1 + waves) * (a**2 + b**2)
    )


def spread(
    shape: tuple[int, int] = (11, 11), *, roughness: float = 1.0, seed: int = 0
) -> np.ndarray:
    """A gradient variance: least near the middle."""
    return 40 * roughness * bowl(shape, roughness=roughness, seed=seed + 99) ** 2


def family(original: str = "DARTS", variants: int = 4, **settings: Any) -> list[Fake]:
    """An original and its random variants, each rougher than the one before."""
    genotype = load_cell(original)
    fakes = []
    for index in range(variants + 1):
        cell = genotype if index == 0 else random_variant(genotype, index)
        roughness = 1 + 1.4 * index / max(4, variants)
        fakes.append(
            Fake(
                label=original if index == 0 else f"{original}-r{index}",
                genotype=cell,
                family=original,
                variant="original" if index == 0 else f"random {index}",
                roughness=roughness,
                **{
                    "landscape": bowl(roughness=roughness, seed=index),
                    "variance": spread(roughness=roughness, seed=index),
                    **settings,
                },
            )
        )
    return fakes


def write_study(folder: Path, fakes: Iterable[Fake], *, name: str = "invented") -> Path:
    """Write the study that ``fakes`` describe into ``folder``, and return the folder."""
    paths = StudyPaths(folder)
    entries = [_write_trial(paths, fake) for fake in fakes]
    write_plan(paths.plan, Plan(name, tuple(entries)))
    return folder


def _write_trial(paths: StudyPaths, fake: Fake) -> PlannedTrial:
    recipe = RECIPE | dict(fake.recipe)
    data = DATA | dict(fake.data)
    literal = to_dict(fake.genotype)
    name = compute_identity(
        "training",
        {
            "genotype": literal,
            "recipe": recipe,
            "seed": fake.seed,
            "label": fake.label,
            **({"data": data} if fake.data else {}),
        },
    )
    trial = paths.trial(fake.label, name)
    probes = []
    if fake.error is not None:
        files.write_bytes(trial.error, fake.error.encode())
    if fake.started:
        files.write_bytes(trial.checkpoint, _checkpoint(fake, recipe, name))
    grids = (("landscape", fake.landscape), ("variance", fake.variance))
    for (kind, array), mode in itertools.product(grids, fake.modes):
        probe = compute_identity(kind, {"of": name, "batchnorm": mode})
        probes.append(PlannedProbe(kind, probe, {}, 1.0))
        if array is not None and fake.started:
            _write_probe(trial.probe(kind, probe), kind, probe, array, mode)
    if fake.eigenvalues:
        probe = compute_identity("curvature", {"of": name})
        probes.append(PlannedProbe("curvature", probe, {}, 1.0))
        _write_curvature(trial.probe("curvature", probe), probe, fake)
    return PlannedTrial(
        identity=name,
        label=fake.label,
        family=fake.family,
        variant=fake.variant,
        genotype=fake.genotype,
        data=data,
        request={"name": data["name"], "train_size": data["train"]},
        recipe=recipe,
        seed=fake.seed,
        probes=tuple(probes),
        design=fake.design,
    )


def _checkpoint(fake: Fake, recipe: Mapping[str, Any], name: str) -> bytes:
    planned = recipe["epochs"]
    done = fake.epochs if fake.epochs is not None else planned
    if fake.diverged_at is not None:
        done = fake.diverged_at
    noise = np.random.default_rng([fake.seed, int(100 * fake.roughness)])
    epochs = []
    for epoch in range(1, done + 1):
        speed = 0.30 / fake.roughness * (recipe["learning_rate"] / 0.025) ** 0.2
        loss = 0.15 * fake.roughness + 2.2 * float(np.exp(-speed * epoch)) + noise.normal(0, 0.02)
        accuracy = 0.97 - 0.06 * fake.roughness - 0.8 * float(np.exp(-1.3 * speed * epoch))
        epochs.append(
            {
                "epoch": epoch,
                "learning_rate": recipe["learning_rate"]
                * 0.5
                * (1 + float(np.cos(np.pi * (epoch - 1) / planned))),
                "train_loss": loss,
                "train_accuracy": accuracy,
                "test_loss": loss * 1.15 + 0.02 + abs(noise.normal(0, 0.02)),
                "test_accuracy": accuracy - 0.03 + noise.normal(0, 0.006),
                "seconds": 1.7 + 0.2 * fake.roughness,
                "train_top5": (1 + accuracy) / 2,
                "test_top5": (1 + accuracy) / 2,
                "gradient_norm": 3 * loss,
                "images_per_second": 840.0 / fake.roughness,
            }
        )
    early = (
        []
        if not epochs
        else [
            epochs[0]
            | {"epoch": place, "train_loss": 2.3 - place * (2.3 - epochs[0]["train_loss"])}
            for place in (0.25, 0.5)
        ]
    )
    if fake.diverged_at is not None:  # the last epoch is recorded with what it came to
        epochs[-1] |= {"train_loss": math.nan, "test_loss": math.nan, "test_accuracy": 0.1}
    header = {
        "identity": name,
        "epochs": epochs,
        "early": [*early, epochs[0]] if epochs else [],
        "diverged_at": fake.diverged_at,
        "finished": fake.diverged_at is not None or done == planned,
        "provenance": {
            **MADE_BY,
            "parameters": 61_234 + (0 if fake.design else int(1000 * fake.roughness)),
            "seconds": 22.5 * fake.roughness,
        },
    }
    correct = (noise.random((DATA | dict(fake.data))["test"]) < 0.9).astype(np.uint8)
    tensors = {CORRECT_KEY: correct}
    return save(tensors, metadata=make_metadata(tensors, header))


def _write_curvature(paths: Any, name: str, fake: Fake) -> None:
    values = np.array(fake.eigenvalues)
    arrays = {
        "eigenvalues": values,
        "trace_samples": 3 * values[:2],
        "nodes": np.array([[*values, 0.0]]),
        "weights": np.array([[0.02, 0.08, 0.1, 0.8]]),
        "blocks": np.array(["stem", "cell 0", "cell 1"]),
        "lipschitz": np.array([3.0, 8.0, 5.0]) * values[0],
    }
    files.write_arrays(paths.arrays, arrays)
    settings = {"instances": 100, "batchnorm": "frozen", "data": "test", "at": fake.at, "seed": 0}
    summary = {"kind": "curvature", "identity": name, "settings": settings, "provenance": MADE_BY}
    files.write_json(paths.summary, summary)


def _write_probe(paths: Any, kind: str, name: str, array: np.ndarray, mode: str = "frozen") -> None:
    alphas, betas = (np.linspace(-1, 1, size) for size in array.shape)
    arrays = {"alphas": alphas, "betas": betas}
    if kind == "landscape":
        arrays |= {"loss": array, "accuracy": np.clip(1 - array / 4, 0.1, 1)}
    else:
        root = np.sqrt(np.maximum(array, 0))
        arrays |= {"variance": array, "mean_gradient_norm": 0.2 * root, "loss": root / 6}
    files.write_arrays(paths.arrays, arrays)
    settings = {
        "kind": kind,
        "points": array.shape[0],
        "radius": 1.0,
        "instances": DATA["test"],
        "seed": 0,
        "batchnorm": mode,
        "directions": "Gaussian, normalised per filter, one-dimensional tensors zero",
        "data": "test",
    }
    files.write_json(
        paths.summary,
        {"kind": kind, "identity": name, "settings": settings, "provenance": MADE_BY},
    )


# ---------------------------------------------------------------- the studies that tests draw


def _plain() -> list[Fake]:
    return family()


def _hostile() -> list[Fake]:
    """Everything at once: names, non-finite cells, and every way to be unfinished."""
    original, *variants = family(variants=7)
    genotype = original.genotype
    holes = bowl(seed=5)
    holes[:3, :4] = np.inf
    holes[10, 17] = np.nan
    patchy = spread(seed=5)
    patchy[0, 0], patchy[5, 8:], patchy[10, 10] = np.nan, np.inf, -1e-9
    traceback = (
        'Traceback (most recent call last):\n  File "train.py", line 1\n'
        "RuntimeError: </script><b>out of memory</b>"
    )
    return [
        Fake(HOSTILE_NAME, genotype, HOSTILE_NAME, landscape=holes, variance=patchy),
        _changed(
            variants[0],
            label=LONG_NAME,
            landscape=np.full((21, 21), 1.5),
            variance=np.full((11, 11), 4.0),
        ),
        _changed(variants[1], diverged_at=5, landscape=None, variance=None),
        _changed(variants[2], epochs=6, landscape=None, variance=None),
        _changed(variants[3], started=False, error=traceback),
        _changed(variants[4], started=False),
        _changed(variants[5], landscape=bowl((9, 25), roughness=3), variance=spread((5, 13))),
        _changed(
            variants[6],
            label="all lost",
            landscape=np.full((21, 21), np.nan),
            variance=np.full((11, 11), np.inf),
            diverged_at=1,
        ),
        _changed(
            variants[0],
            label="\"quotes' & \u2028 signs",
            variant="random 9",
            landscape=np.exp(4 * bowl(roughness=2)),
        ),
    ]


def _changed(fake: Fake, **changes: Any) -> Fake:
    return Fake(**{**fake.__dict__, "family": HOSTILE_NAME, **changes})


def _seeds_and_rates() -> list[Fake]:
    return [
        Fake(
            **{
                **fake.__dict__,
                "seed": seed,
                "recipe": {"learning_rate": rate},
                "diverged_at": 4
                if rate == 0.25 and fake.label == "DARTS-r4" and seed == 1
                else None,
                "landscape": fake.landscape * (1 + seed / 20) if rate < 0.2 else None,
                "variance": fake.variance * (1 + seed / 20) if rate < 0.2 else None,
            }
        )
        for rate in (0.0025, 0.025, 0.25)
        for fake in family()
        for seed in range(3)
    ]


def _two_families() -> list[Fake]:
    wide = [
        Fake(**{**fake.__dict__, "landscape": np.exp(3 * fake.landscape) / 10})
        for fake in family("AmoebaNet", 3)
    ]
    return family(variants=2) + wide


CIFAR10 = {"name": "cifar10", "image_size": 32, "image_channels": 3, "digest": "c10"}
CIFAR100 = {**CIFAR10, "name": "cifar100", "classes": 100, "digest": "c100"}


def _judged() -> list[Fake]:
    """Everything that a page can tell: both BatchNorm modes, curvature, adapted cells, two sets.

    One training diverges.
    """
    fakes = []
    for original, data in itertools.product(("DARTS", "NASNet", "AmoebaNet"), (CIFAR10, CIFAR100)):
        own = family(original, 3, data=data, modes=("frozen", "recalibrated"))
        first = own[0]
        wide = {**first.__dict__, "label": f"{original}-widest", "variant": "adapted"}
        if (original, data) == ("AmoebaNet", CIFAR100):
            lost = {"diverged_at": 5, "landscape": None, "variance": None}
            own[-1] = Fake(**{**own[-1].__dict__, **lost})
        fakes += [*own, Fake(**{**wide, "roughness": 1.1})]
    return [
        Fake(**{**fake.__dict__, "eigenvalues": (9.0 * fake.roughness, 2.0, -1.0)})
        for fake in fakes
    ]


def _designed() -> list[Fake]:
    """Matched pairs with two seeds each, whose curvature was probed at equal training loss."""
    return [
        Fake(
            cell.label, cell.genotype, cell.family, cell.variant, seed, roughness, data=CIFAR10,
            landscape=bowl((9, 9), roughness=roughness, seed=seed), eigenvalues=(9 * roughness, 2.0),
            at="loss 1.4", design=cell.design,
        )
        for number, cell in enumerate(contrast_cells()[:12])
        for seed in range(2)
        for roughness in [1 + 0.4 * (number % 2) + 0.02 * number + 0.05 * seed]
    ]  # fmt: skip


def _five_hundred() -> list[Fake]:
    """Five families of ten cells with ten seeds each; small grids."""
    return [
        Fake(
            **{
                **fake.__dict__,
                "seed": seed,
                "landscape": bowl((11, 11), roughness=fake.roughness, seed=seed),
                "variance": spread((7, 7), roughness=fake.roughness, seed=seed),
            }
        )
        for original in ("NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS")
        for fake in family(original, 9, data=CIFAR10, recipe={"epochs": 10})
        for seed in range(10)
    ]


STUDIES: dict[str, Callable[[], list[Fake]]] = {
    "plain": _plain,
    "hostile": _hostile,
    "rates": _seeds_and_rates,
    "families": _two_families,
    "judged": _judged,
    "designed": _designed,
    "fifty": lambda: family(variants=49),
    "single": lambda: family(variants=0),
    "lost": lambda: family(
        variants=1, landscape=np.full((5, 5), np.nan), variance=np.full((5, 5), np.inf)
    ),
    "bare": lambda: family(variants=2, landscape=None, variance=None),
    "planned": lambda: family(variants=2, started=False),
}
"""Named studies: what `write_study` is given."""

LARGE = {"five hundred": _five_hundred}
"""Too large for every test."""
