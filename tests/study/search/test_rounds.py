"""Running a search."""

import dataclasses
import json

import pytest

from nascope._src.cells.search_log import read_log, trace
from nascope._src.data.request import DataRequest
from nascope._src.records.read import read_study
from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.search.rounds import run_search
from tests.study.search.test_candidates import SEARCH, width

RECORDS = ("candidates.jsonl", "best.jsonl", "study.json")


def test_neither_engine_nor_interruption_changes_a_search(tmp_path):
    rounds = []
    candidates = run_search(SEARCH, tmp_path / "a", SerialEngine(), device="cpu",
                       on_progress=lambda before, snapshot: rounds.append(before))  # fmt: skip
    assert sorted(set(rounds)) == [0, 2, 3, 5]  # the first population of three, then by two
    assert all(0 < c.accuracy < 1 for c in candidates)
    trials = read_study(tmp_path / "a").trials
    assert [t.label for t in trials] == [f"candidate-000{k}" for k in range(6)]
    assert [t.training.last.validation_accuracy for t in trials] == [c.accuracy for c in candidates]

    class Stopped(Exception):
        pass

    def stop(before, snapshot):
        if before == 3:
            raise Stopped

    engine = ProcessEngine(2)
    with pytest.raises(Stopped):
        run_search(SEARCH, tmp_path / "b", engine, device="cpu", on_progress=stop)
    again = run_search(SEARCH, tmp_path / "b", engine, device="cpu")
    engine.close()
    assert again == candidates
    for name in RECORDS:
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()
    best = [json.loads(line) for line in (tmp_path / "a/best.jsonl").read_text().splitlines()]
    values = [line["validation_accuracy"] for line in best]
    assert values == sorted(values)
    assert values[-1] == max(c.accuracy for c in candidates)
    rows = trace(read_log(tmp_path / "a/candidates.jsonl"), "darts")
    assert [row["normal"]["fractional_width"] for row in rows] == [
        width(c.genotype) for c in candidates
    ]


def test_plan_and_logs_of_a_search_never_shrink(tmp_path, monkeypatch):
    """If it is repeated or shortened, and while another search runs in the same folder."""
    loaded = []
    load = DataRequest.load

    def counted(self, data_dir=None):
        loaded.append(self)
        return load(self, data_dir)

    monkeypatch.setattr(DataRequest, "load", counted)
    four = dataclasses.replace(SEARCH, candidates=4)
    candidates = run_search(four, tmp_path, SerialEngine(), device="cpu")
    assert len(loaded) == 1  # not in each round
    records = {name: (tmp_path / name).read_bytes() for name in RECORDS}

    def unchanged():
        return {name: (tmp_path / name).read_bytes() for name in RECORDS} == records

    two = dataclasses.replace(SEARCH, candidates=2)
    assert run_search(two, tmp_path, SerialEngine(), device="cpu") == candidates[:2]
    assert unchanged()
    (tmp_path / "best.jsonl").write_text("damaged")
    sizes = []

    class Watched(SerialEngine):
        def run(self, tasks, progress):
            sizes.append(len(read_study(tmp_path).trials))
            yield from super().run(tasks, progress)

    assert run_search(four, tmp_path, Watched(), device="cpu") == candidates
    assert sizes == [4, 4, 4]
    assert unchanged()
    other = dataclasses.replace(SEARCH, candidates=1, population=1, sample=1, seed=1)

    class Meanwhile(SerialEngine):
        """Another search begins in the same folder after each of its rounds."""

        def run(self, tasks, progress):
            yield from super().run(tasks, progress)
            run_search(other, tmp_path, SerialEngine(), device="cpu")

    assert run_search(four, tmp_path, Meanwhile(), device="cpu") == candidates
    assert [trial.label for trial in read_study(tmp_path).trials] == ["candidate-0000"]
    assert run_search(four, tmp_path, SerialEngine(), device="cpu") == candidates
    assert unchanged()
