"""Tables of random cells of DARTS' space with accuracies that have a chosen dependence on them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from nascope._src.cells.operation_names import DARTS_OPERATIONS
from nascope._src.results.external.accuracies import MeasuredTable, read_tables
from nascope._src.results.external.facts import facts_of, read_cell


def genotypes(count: int, seed: int = 0) -> list[str]:
    """Random genotypes as text."""
    generator = random.Random(seed)
    texts = []
    for _ in range(count):
        fields = {
            kind: [
                (generator.choice(DARTS_OPERATIONS), source)
                for node in range(2, 6)
                for source in sorted(generator.sample(range(node), 2))
            ]
            for kind in ("normal", "reduce")
        }
        texts.append(
            f"Genotype(normal={fields['normal']}, normal_concat=range(2, 6), "
            f"reduce={fields['reduce']}, reduce_concat=range(2, 6))"
        )
    return texts


def table(
    folder: Path,
    *,
    cells: int = 60,
    early: float = 0.0,
    late: float = 0.0,
    noise: float = 0.01,
    seeds: int = 1,
    sources: int = 0,
    epochs: tuple[int, ...] = (1, 2, 5, 10, 50),
    seed: int = 0,
) -> MeasuredTable:
    """A table whose accuracy grows with the normal cell's width, early and late by so much per c."""
    generator = np.random.default_rng(seed)
    lines = ["genotype,epoch,seed,accuracy" + (",source" if sources else "")]
    for number, text in enumerate(genotypes(cells, seed)):
        width = facts_of(read_cell(text)).normal[1]
        own = noise * generator.normal()
        for run in range(seeds):
            for epoch in epochs:
                share = epochs.index(epoch) / (len(epochs) - 1) if len(epochs) > 1 else 1
                effect = (1 - share) * early + share * late
                value = 0.5 + 0.2 * share + effect * (width - 2.5) + own
                value += 0.3 * noise * generator.normal()
                end = f",{number % sources}" if sources else ""
                lines.append(f'"{text}",{epoch},{run},{value:.6f}{end}')
    path = folder / f"planted-{seed}.csv"
    path.write_text("\n".join(lines))
    (found,) = read_tables(path)
    return found
