"""Reliability: the balanced part of a study, planted shares, and the committed figures."""

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nascope._src.records.read import ProbeRecord, StudyRecord, TrialRecord
from nascope._src.results.reliability import (
    BalancedValues,
    Observation,
    balance,
    measure_reliability,
)
from nascope._src.results.stats.components import variance_shares
from nascope._src.results.text.reliability import (
    name_of,
    reliability_lines,
    reliability_row,
    share_of,
)
from tests.results.handmade import trial

CELLS = Path(__file__).parents[2] / "docs/results/cells"


def balanced(observations: list[Observation]) -> BalancedValues:
    result = balance(observations)
    assert result is not None
    return result


# ---------------------------------------------------------------- the balanced part


def values(wirings: str, seeds: range, **more: int) -> list[Observation]:
    return [Observation("F", w, s, ord(w) + s / 10, **more) for w in wirings for s in seeds]


def test_the_largest_balanced_part_is_kept() -> None:
    full = values("abcd", range(3))
    part = balanced([o for o in full if (o.wiring, o.seed) != ("d", 2)])
    assert part.values.shape == (3, 3, 1, 1)  # 9 of 11 values; four wirings at two seeds keep 8
    assert part.left_out == 2
    two = [o for o in full if o.seed < 2 or o.wiring == "a"]
    assert balanced(two).values.shape == (4, 2, 1, 1)
    assert balanced(full).values[:, :, 0, 0].tolist() == [
        [ord(w) + s / 10 for s in range(3)] for w in "abcd"
    ]


def test_values_that_are_not_finite_are_left_out() -> None:
    lost = [replace(o, value=math.inf) if o.wiring == "a" else o for o in values("abc", range(2))]
    part = balanced(lost)
    assert part.values.shape == (2, 2, 1, 1)
    assert part.left_out == 2


def test_a_family_needs_two_wirings_and_two_seeds() -> None:
    assert balance(values("a", range(3))) is None
    assert balance(values("ab", range(1))) is None
    assert balance([]) is None
    alone = [*values("ab", range(2)), *(replace(o, family="G") for o in values("c", range(2)))]
    assert balanced(alone).families == (0, 0)


def test_many_seeds_do_not_take_long() -> None:
    many = [o for d in range(12) for o in values("ab", range(12), direction=d)]
    assert balanced(many).values.shape == (2, 12, 12, 1)


# ---------------------------------------------------------------- a study with planted shares


def curvature(value: float, direction: int, mode: str, at: str, **more: object) -> ProbeRecord:
    settings = {"seed": direction, "batchnorm": mode, "at": at, "data": "test", "top": 1, **more}
    arrays = {"eigenvalues": np.array([value])}
    return ProbeRecord("curvature", f"{direction}{mode}{at}", settings, {}, arrays)


def planted_study(wirings: int = 400) -> StudyRecord:
    """λ_max with shares 0.6, 0.2, 0.1 and 0.1; at loss 1 without any of the wiring."""
    random = np.random.default_rng(4)

    def trials() -> Iterator[TrialRecord]:
        for w in range(wirings):
            wiring = random.normal() * math.sqrt(0.6)
            of_mode = random.normal(size=2) * math.sqrt(0.1)
            for s in range(2):
                seed = random.normal() * math.sqrt(0.2)
                probes = []
                for d in range(2):
                    direction = random.normal() * math.sqrt(0.1)
                    for m, mode in enumerate(("frozen", "recalibrated")):
                        log = wiring + seed + direction + of_mode[m] + 3 * m
                        probes.append(curvature(math.exp(log), d, mode, "end"))
                    luck = math.exp(random.normal())
                    probes.append(curvature(luck, d, "frozen", "loss 1", reached=s == 0 or w > 1))
                yield replace(trial(f"v{w}", s, 0.5), family="F", probes=tuple(probes))

    return StudyRecord("planted", Path("nowhere"), tuple(trials()))


def test_planted_shares_of_a_study_are_recovered() -> None:
    entries = measure_reliability(planted_study())
    found = {(e.key, e.at, e.mode): e for e in entries}
    both = found["eigenvalue", "end", "all"]
    assert (both.wirings, both.seeds, both.directions, both.modes) == (400, 2, 2, 2)
    assert both.shares is not None
    assert both.shares.wiring == pytest.approx(0.6, abs=0.06)
    assert both.shares.seed == pytest.approx(0.2, abs=0.05)
    assert both.shares.direction == pytest.approx(0.1, abs=0.03)
    assert both.shares.mode == pytest.approx(0.1, abs=0.03)
    assert both.shares.low < 0.6 < both.shares.high
    frozen = found["eigenvalue", "end", "frozen"].shares
    assert frozen is not None
    assert frozen.wiring == pytest.approx(0.7, abs=0.06)
    luck = found["eigenvalue", "loss 1", "frozen"]
    assert luck.shares is not None
    assert luck.shares.wiring < 0.1
    assert luck.wirings == 398  # two wirings did not reach it with both seeds
    equal = found["accuracy", "", ""]
    assert equal.shares is None
    assert share_of(equal) == "–"
    assert ("trace", "end", "frozen") not in found


def test_rows_and_lines() -> None:
    entries = measure_reliability(planted_study(6))
    rows = [reliability_row(entry) for entry in entries]
    assert all(list(row) == list(rows[0]) for row in rows)
    assert {"share", "low", "high", "seed_share", "direction_share", "mode_share"} <= set(rows[0])
    assert {row["mode"] for row in rows} == {"", "frozen", "recalibrated", "all"}
    text = "\n".join(reliability_lines(entries))
    assert "digits, learning rate 0.025: share of a value's variance" in text
    assert "Largest Hessian eigenvalue, all modes" in text
    assert "6 wirings × 2 seeds × 2 directions × 2 modes" in text
    assert "Largest Hessian eigenvalue, at loss 1, test images, frozen" in map(name_of, entries)


def test_probes_on_other_grids_are_left_out() -> None:
    study = planted_study(4)
    changed = [
        replace(t, probes=(*t.probes, *(replace(p, settings={**p.settings, "top": 9}) for p in
                                        t.probes[:1])))
        for t in study.trials
    ]  # fmt: skip
    found = {(e.key, e.at, e.mode): e for e in measure_reliability(study)}
    again = {
        (e.key, e.at, e.mode): e for e in measure_reliability(replace(study, trials=tuple(changed)))
    }
    key = "eigenvalue", "end", "frozen"
    assert again[key].shares == found[key].shares
    assert again[key].left_out == found[key].left_out + 8


# ---------------------------------------------------------------- the committed study


PAGE = Path(__file__).parents[2] / "docs/results/reliability.md"
ROW = re.compile(r"\| `(\w+)` \| (x|ln x) \| ([\d.]+) \| \[([\d.]+), ([\d.]+)\] \|")


def committed_part(column: str, log: bool) -> BalancedValues:
    """A column of the committed tables of cells.md, on CIFAR-10."""
    rows = []
    for table in ("probes", "trials"):
        with (CELLS / f"{table}.csv").open(encoding="utf-8") as stream:
            rows += [row for row in csv.DictReader(stream) if row.get(column)]
    return balanced(
        [
            Observation(
                row["family"],
                row["label"],
                int(row["seed"]),
                math.log(float(row[column])) if log else float(row[column]),
            )
            for row in rows
            if row["data"] == "cifar10"
        ]
    )


def test_the_page_of_results_holds_the_committed_reliabilities() -> None:
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(found) == 17
    for column, scale, *numbers in found:
        part = committed_part(column, scale == "ln x")
        assert part.values.shape == (5, 3, 1, 1)  # only DARTS' family has three seeds
        shares = variance_shares(part.values, part.families)
        assert [f"{x:.2f}" for x in (shares.wiring, shares.low, shares.high)] == numbers
    plain = committed_part("roughness", log=False)
    assert round(variance_shares(plain.values, plain.families).wiring, 2) == 0.26


def test_reliabilities_that_an_independent_audit_reported() -> None:
    audit = {"area_below": 0.20, "convex_area": 0.75, "concavity": 0.91, "roughness": 0.83}
    for column, share in audit.items():
        part = committed_part(column, log=column == "roughness")
        assert variance_shares(part.values, part.families).wiring == pytest.approx(share, abs=0.005)
