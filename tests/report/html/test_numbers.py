"""The page's numbers for programs, and the links from numbers to trials."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from nascope._src.records.paths import StudyPaths
from nascope._src.records.read import read_study
from nascope._src.report.arrangement import arrange
from nascope._src.report.html.sources import Sources
from nascope._src.report.write import write_report
from nascope._src.results.findings.designs import judge_designs
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.table import measure_study
from tests.report.synthetic import STUDIES, write_study


def numbers_in(page: str) -> dict[str, Any]:
    match = re.search(
        r'<script type="application/json" id="numbers-json">(.*?)</script>', page, re.S
    )
    assert match is not None
    numbers: dict[str, Any] = json.loads(match[1], parse_constant=pytest.fail)
    return numbers


def test_programs_read_what_the_page_says(tmp_path: Path) -> None:
    folder = write_study(tmp_path, STUDIES["designed"](), name="designed")
    page = write_report(folder, figures=False).read_text(encoding="utf-8")
    numbers, study = numbers_in(page), read_study(folder)
    measured = measure_study(study)
    by_folder = {trial["folder"]: trial for trial in numbers["trials"]}
    assert {path.name for path in StudyPaths(folder).trials.iterdir()} == set(by_folder)
    for trial in study.trials:
        row = next(row for name, row in by_folder.items() if name.endswith(trial.identity))
        assert (row["label"], row["seed"]) == (trial.label, trial.seed)
        for key, value in row["values"].items():
            (shown,) = measured.shown(key, [trial])
            assert value == (shown if math.isfinite(shown) else None)
    (said,) = numbers["studies"]
    assert [row["p"] for row in said["verdicts"]] == [one.p for one in judge_designs(study)]
    assert said["mediation"]
    assert said["reliability"]
    for row in (*said["verdicts"], *said["mediation"], *said["reliability"]):
        assert row["trials"]


def test_every_link_leads_to_trials_of_its_families(judged: Path) -> None:
    study = read_study(judged)
    sources = Sources(arrange(study), measure_study(study).measures)
    paths = {path: key for key, path in sources.paths.items()}
    trials = {trial.key: trial for trial in study.trials}
    for finding in judge_study(study):
        for family in finding.families:
            source = sources.of_finding(study, finding, family.family)
            assert source is not None
            wanted = source.address.removeprefix("#trials:").partition("@")[0].split(",")
            found = [
                trials[key]
                for path, key in paths.items()
                if any(path == above or path.startswith(f"{above}-") for above in wanted)
            ]
            assert len(found) == source.trials > 0
            assert {trial.family for trial in found} == {family.family}
            if finding.data:
                assert {trial.data["name"] for trial in found} == {finding.data}


def test_a_link_names_whole_groups_and_cells(judged: Path) -> None:
    study = read_study(judged)
    arrangement = arrange(study)
    sources = Sources(arrangement, measure_study(study).measures)
    first = arrangement.groups[0]
    everything = sources.of(study.trials, "accuracy")
    assert everything is not None
    groups = ",".join(group.key for group in arrangement.groups)
    paths, column = everything.address.removeprefix("#trials:").split("@")
    assert (sorted(paths.split(",")), column) == (sorted(groups.split(",")), "accuracy")
    cell, (trial, *_) = next(iter(first.trials.items()))
    one = sources.of([trial], "no such measure")
    assert one is not None
    assert one.address == f"#trials:{first.key}-{cell}"
    assert sources.of([]) is None
