"""What an early choice picks and loses, from studies and from others' tables."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import format_text
from nascope._src.errors import StudyError
from nascope._src.results.design import families_in, main_settings
from nascope._src.results.selection import Candidate, candidates_of, choices, read_candidates
from tests.results import planted


def cell(label: str, width: float, early: list[float], final: float) -> Candidate:
    curve = dict(enumerate(early, start=1))
    return Candidate(label, width, 3, {0: curve, 1: curve}, {0: final, 1: final})


def test_rank_pick_and_regret() -> None:
    candidates = [cell("wide", 4, [0.5, 0.6], 0.90), cell("deep", 2, [0.3, 0.7], 0.92)]
    first, second = choices(candidates)
    assert (first.picked, first.rho, first.width) == ("wide", -1, 4)
    assert first.regret == pytest.approx(0.02)
    assert (second.picked, second.regret) == ("deep", 0)
    assert first.other_seeds


def test_luck_of_a_seed_is_not_foresight() -> None:
    """A cell that is lucky early and late with seed 0 is judged by its other seed."""
    lucky = Candidate("lucky", 2, 3, {0: {1: 0.9}, 1: {1: 0.4}}, {0: 0.95, 1: 0.50})
    sound = Candidate("sound", 4, 3, {0: {1: 0.5}, 1: {1: 0.5}}, {0: 0.80, 1: 0.80})
    (found,) = choices([lucky, sound])
    assert found.rho == -1  # each seed's early order is the other's final one reversed
    assert found.regret == pytest.approx((0.80 - 0.50 + 0.95 - 0.80) / 2)


def test_ties_are_shared_out() -> None:
    """Three cells equally good early: the first of the list is not preferred."""
    finals = {"original": 0.90, "b": 0.80, "c": 0.85}
    equal = [cell(name, 2 + k, [0.5], final) for k, (name, final) in enumerate(finals.items())]
    (found,) = choices(equal)
    assert found.picked == "original or b or c"
    assert found.regret == found.blind == pytest.approx(0.05)
    assert found.width == 3
    assert math.isnan(found.rho)


def test_the_interval_of_the_correlation() -> None:
    several = [cell(str(k), 2, [0.1 * k], 0.1 * (k + (k == 1) - (k == 2))) for k in range(6)]
    (found,) = choices(several)
    assert found.low < found.rho < found.high < 1
    (few,) = choices(several[:4])
    assert few.low is None


def test_one_seed_says_so() -> None:
    pair = [Candidate(n, 3, 3, {0: {1: a}}, {0: a}) for n, a in (("a", 0.5), ("b", 0.6))]
    (found,) = choices(pair)
    assert not found.other_seeds
    assert choices(pair[:1]) == []


def test_of_a_study() -> None:
    study = planted.study(0, effect=3.0, seeds=2)
    (setting,) = main_settings(study)
    family = families_in(study, setting)[0]
    found = choices(candidates_of(family))
    assert [one.epoch for one in found] == list(range(1, 11))
    assert found[0].candidates == 5
    assert found[0].held_out is True
    assert found[0].width >= 4  # the effect favours wide cells early


def test_what_diverges_late_ends_as_a_guess() -> None:
    """The first in the first epoch diverges in the ninth: a bad pick, and a finite one."""
    study = planted.study(0, families=("DARTS",))
    leader = max(study.trials, key=lambda t: t.training.epochs[0].validation_accuracy)
    lost = dataclasses.replace(leader, training=dataclasses.replace(leader.training, diverged_at=9))
    trials = tuple(lost if t is leader else t for t in study.trials)
    changed = dataclasses.replace(study, trials=trials)
    (setting,) = main_settings(changed)
    first, *_, last = choices(candidates_of(families_in(changed, setting)[0]))
    best = max(t.training.last.test_accuracy for t in study.trials if t is not leader)
    assert first.picked == leader.label
    assert first.regret == pytest.approx(best - 0.1)  # ten classes
    assert 0 < first.blind < first.regret
    assert last.picked != leader.label


def test_trials_to_come_are_no_test_images() -> None:
    """What was looked at is of the trials that entered, not of those that are still to run."""
    study = planted.study(0, seeds=2, families=("DARTS",))
    trials = [
        dataclasses.replace(t, training=None) if (t.label, t.seed) == ("DARTS-r1", 1) else t
        for t in study.trials
    ]
    running = dataclasses.replace(study, trials=tuple(trials))
    (setting,) = main_settings(running)
    assert choices(candidates_of(families_in(running, setting)[0]))[0].held_out is True


def table(path: Path, rows: list[dict[str, object]]) -> Path:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
        return path
    lines = [",".join(columns)]
    lines += [",".join(f'"{value}"' for value in row.values()) for row in rows]
    path.write_text("\n".join(lines))
    return path


def rows(unit: float = 1.0) -> list[dict[str, object]]:
    curves = {"DARTS": (0.5, 0.9), "SNAS": (0.6, 0.8), "ENAS": (0.4, 0.7)}
    return [
        {"genotype": format_text(load_cell(name)), "epoch": epoch, "accuracy": unit * value}
        for name, curve in curves.items()
        for epoch, value in zip((10, 600), curve, strict=True)
    ]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_tables_that_others_measured(tmp_path: Path, ending: str, unit: float) -> None:
    read = read_candidates(table(tmp_path / f"t{ending}", rows(unit)))
    assert set(read.by_schedule) == {"truncated"}
    early, late = choices(read.truncated)
    assert (early.epoch, early.picked, late.picked) == (10, "cell 2", "cell 1")
    assert early.regret == pytest.approx(0.1)
    assert early.rho == pytest.approx(0.5)


def test_short_schedules_are_kept_apart(tmp_path: Path) -> None:
    """A training planned for 10 epochs is not the beginning of one planned for 600."""
    long = [row | {"schedule": 600} for row in rows()]
    short = [
        row | {"schedule": 10, "accuracy": 0.9 - row["accuracy"]} for row in rows()
        if row["epoch"] == 10
    ]  # fmt: skip
    read = read_candidates(table(tmp_path / "t.csv", long + short))
    assert [one.epoch for one in choices(read.truncated)] == [10, 600]
    (found,) = choices(read.reannealed)
    assert (found.epoch, found.picked) == (10, "cell 3")
    assert found.rho == -choices(read.truncated)[0].rho


def test_trainings_that_end_early_are_named(tmp_path: Path) -> None:
    stopped = [row for row in rows() if row["epoch"] == 10 or row["accuracy"] != 0.8]
    with pytest.raises(
        StudyError, match="cell 2, seed 0, ends at epoch 10, where 600 was expected"
    ):
        read_candidates(table(tmp_path / "t.csv", stopped))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epoch": "soon"}, "row 2: epoch must be a whole number"),
        ({"accuracy": "high"}, "row 2: accuracy must be"),
        ({"accuracy": math.nan}, "row 2: accuracy must be"),
        ({"genotype": "Genotype(normal=[])"}, "row 2:"),
        ({"epoch": 600}, "row 3: this genotype, seed and epoch stand twice"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    bad = rows()
    bad[0] |= change
    with pytest.raises(StudyError, match=words):
        read_candidates(table(tmp_path / "t.csv", bad))


def test_bad_tables(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("genotype,epoch,accuracy\n")
    (tmp_path / "lacking.csv").write_text("genotype,epoch\nDARTS,1\n")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 no")
    for name, words in {
        "empty.csv": "no rows",
        "lacking.csv": "lacks the column 'accuracy'",
        "damaged.parquet": "cannot be read",
        "missing.csv": "cannot be read",
        "other.txt": "ends in .csv or .parquet",
    }.items():
        with pytest.raises(StudyError, match=words):
            read_candidates(tmp_path / name)
