"""A large study that nobody trained: files as nascope writes them, with invented numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from nascope._src.cells.catalog import load
from nascope._src.cells.wiring import random_variant
from nascope._src.records.checkpoint_files import CORRECT_KEY, make_metadata
from nascope._src.records.identity import compute_identity
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.plan import Plan, PlannedProbe, PlannedTrial, write_plan
from nascope._src.records.probe_files import write_probe
from nascope._src.records.read import ProbeRecord

FAMILIES = ("DARTS", "AmoebaNet", "NASNet", "ENAS", "SNAS")
VARIANTS, RATES, EPOCHS = 9, (0.0025, 0.01, 0.025, 0.1), 3
DATA = {
    "name": "digits", "digest": "5c9f2d1e0b7a4c3d", "classes": 10, "train": 1438, "test": 359,
    "validation": 0, "image_size": 8, "image_channels": 1,
}  # fmt: skip
PROVENANCE = {"nascope": "0.1.0", "host": "nowhere", "device": "cpu", "threads": 1, "seconds": 5.0}
GRIDS = {"landscape": ("loss", "accuracy"), "variance": ("variance", "mean_gradient_norm", "loss")}


def write_large_study(folder: Path, trials: int, *, points: int = 0) -> None:
    """Write a study of this many finished trials: five families, four rates, and seeds.

    Args:
        points: per side of a landscape and a variance of each trial; 0 for none.
    """
    paths = StudyPaths(folder)
    cells = []
    for family in FAMILIES:
        original = load(family)
        cells.append((family, family, "original", original))
        for number in range(1, VARIANTS + 1):
            variant = random_variant(original, number)
            cells.append((f"{family}-r{number}", family, f"random {number}", variant))
    planned = []
    for index in range(trials):
        label, family, variant, genotype = cells[index % len(cells)]
        rate = RATES[index // len(cells) % len(RATES)]
        seed = index // (len(cells) * len(RATES))
        identity = compute_identity("training", {"cell": label, "rate": rate, "seed": seed})
        kinds = GRIDS if points else ()
        probes = [PlannedProbe(k, compute_identity(k, {"of": identity}), {}, 1.0) for k in kinds]
        planned.append(
            PlannedTrial(
                identity=identity,
                label=label,
                family=family,
                variant=variant,
                genotype=genotype,
                data=DATA,
                request={"name": "digits"},
                recipe={"epochs": EPOCHS, "learning_rate": rate, "batch_size": 80, "channels": 8},
                seed=seed,
                probes=tuple(probes),
            )
        )
        _write_trial(paths.trial(label, identity), planned[-1], index, points)
    write_plan(paths.plan, Plan("large", tuple(planned)))


def _write_trial(paths: TrialPaths, trial: PlannedTrial, index: int, points: int) -> None:
    paths.folder.mkdir(parents=True)
    noise = np.random.default_rng(index)
    level = 1 + 0.05 * len(trial.label) + 0.1 * noise.normal()
    curve = [_point(epoch, trial.learning_rate, level) for epoch in range(1, EPOCHS + 1)]
    records = {
        "identity": trial.identity,
        "epochs": curve,
        "early": [_point(epoch / 4, trial.learning_rate, level) for epoch in range(1, 5)],
        "diverged_at": None,
        "finished": True,
        "provenance": PROVENANCE,
    }
    tensors = {CORRECT_KEY: (noise.random(DATA["test"]) < 0.9).astype(np.uint8)}
    content = save(tensors, metadata=make_metadata(tensors, records))
    paths.checkpoint.write_bytes(content)  # without waiting for the disk
    for probe in trial.probes:
        axis = np.linspace(-1, 1, points)
        bowl = level * (axis[:, None] ** 2 + axis**2 + 0.1 * noise.random((points, points)))
        arrays = {"alphas": axis, "betas": axis, **dict.fromkeys(GRIDS[probe.kind], bowl)}
        settings: dict[str, Any] = {"batchnorm": "frozen", "at": "end", "data": "test"}
        record = ProbeRecord(probe.kind, probe.identity, settings, PROVENANCE, arrays)
        write_probe(probe.paths_in(paths).arrays, record)


def _point(epoch: float, rate: float, level: float) -> dict[str, float]:
    loss = 0.2 * level + 2.1 * math.exp(-0.6 * epoch / level)
    accuracy = 0.95 / level * (1 - math.exp(-epoch))
    return {
        "epoch": epoch,
        "learning_rate": rate,
        "gradient_norm": 3 * loss,
        "seconds": 1.5,
        "images_per_second": 900.0,
        **{f"{part}_loss": loss for part in ("train", "test")},
        **{f"{part}_accuracy": accuracy for part in ("train", "test")},
        **{f"{part}_top5": (1 + accuracy) / 2 for part in ("train", "test")},
    }
