import subprocess
import sys

import pandas as pd
import pytest

import nascope
from tests.report.synthetic import STUDIES, family, write_study

SECTIONS = {
    "variants": {"seeds": range(1, 2)},
    "data": {"name": "digits", "train_size": 60, "test_size": 20},
    "training": {"scale": "tiny", "overrides": {"epochs": 1, "channels": 2, "layers": 3}},
    "landscape": {"points": 2},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    study = nascope.Study(["DARTS"], name="small", **SECTIONS)
    folder = tmp_path_factory.mktemp("study") / "small"
    return nascope.run_study(study, str(folder), workers=1, progress=False)


def test_a_study_says_what_a_file_says(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "small"\ncells = ["DARTS"]\nvariants.seeds = [1]\n[data]\nname = "digits"\n'
        'train_size = 60\ntest_size = 20\n[training]\nscale = "tiny"\n'
        "overrides = { epochs = 1, channels = 2, layers = 3 }\n[landscape]\npoints = 2\n"
    )
    written = nascope.Study.from_file(str(path))
    study = nascope.Study("DARTS", name="small", **SECTIONS)
    assert study.definition == written.definition
    assert repr(study) == "Study('small': 2 cells, 2 trials, each with a landscape)"
    assert "DARTS-r1" in study._repr_html_()


def test_cells_may_be_genotypes_and_parts_differ():
    variant = nascope.random_variant("SNAS", 5)
    study = nascope.Study(
        training={"scale": "tiny"},
        parts=[
            {"cells": ["DARTS"], "variance": {}},
            {"cells": (variant,), "curvature": {"top": 1}},
        ],
    )
    labels = [cell.label for part in study.definition.parts for cell in part.cells]
    assert labels == ["DARTS", "SNAS-r5"]
    assert study.definition.parts[1].cells[0].genotype == variant
    assert repr(study) == "Study('study': 2 cells, 2 trials, each with a variance and a curvature)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cells": ["DRATS"]}, "cells: .*did you mean DARTS"),
        (
            {"cells": "DARTS", "landscape": {"point": 3}},
            "landscape.point: unknown key; did you mean",
        ),
        ({"cells": "DARTS", "training": {"scale": "huge"}}, "training.scale"),
        ({}, "cells"),
    ],
)
def test_mistakes_are_told_with_their_key(arguments, message):
    with pytest.raises(nascope.NascopeError, match=message):
        nascope.Study(**arguments)


def test_results_are_frames(results):
    trials, probes, curves = results.trials(), results.probes(), results.curves()
    for frame in (trials, probes, curves):
        assert isinstance(frame, pd.DataFrame)
    assert trials["label"].tolist() == ["DARTS", "DARTS-r1"]
    assert trials["finished"].all()
    assert probes["kind"].tolist() == ["landscape"] * 2
    assert set(curves["label"]) == {"DARTS", "DARTS-r1"}


def test_results_show_themselves_in_short(results):
    assert repr(results).startswith("StudyResults('small' in ")
    assert "2 of 2 trials trained, 2 probes" in repr(results)
    assert "DARTS-r1" in results._repr_html_()
    assert results._repr_html_().count("<tr>") == 3


def test_results_are_judged_and_reported(results, tmp_path):
    with pytest.warns(UserWarning, match="no verdicts: its images are below 32 pixels"):
        assert results.verdicts().empty
    page = results.report(str(tmp_path / "page.html"), figures=False)
    assert "small" in page.read_text(encoding="utf-8")


def test_reliability_is_a_frame(tmp_path):
    folder = write_study(tmp_path, STUDIES["rates"]())
    frame = nascope.read_study(folder).reliability()
    assert {"share", "low", "high", "seed_share", "wirings"} <= set(frame.columns)
    roughness = frame[(frame["key"] == "roughness") & (frame["learning_rate"] == 0.025)]
    assert roughness["share"].between(0, 1).all()
    plain = nascope.read_study(write_study(tmp_path / "b", family()))
    assert plain.reliability().empty
    assert plain.mediation().empty


def test_a_study_is_read_again_and_done_once(results):
    again = nascope.read_study(str(results.folder))
    pd.testing.assert_frame_equal(again.trials(), results.trials())
    study = nascope.Study(["DARTS"], name="small", **SECTIONS)
    repeated = nascope.run_study(study, results.folder, workers=1, progress=False)
    pd.testing.assert_frame_equal(repeated.trials(), results.trials())


def test_failed_trials_are_a_warning(tmp_path):
    sections = SECTIONS | {"landscape": {"along": "trajectory", "points": 2}, "variants": {}}
    study = nascope.Study("DARTS", **sections)
    with pytest.warns(UserWarning, match="1 of the study's tasks failed.*a trajectory needs"):
        results = nascope.run_study(study, tmp_path / "s", workers=1, progress=False)
    assert "1 failed" in repr(results)


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path):
    """Workers do not import the main module."""
    script = tmp_path / "script.py"
    script.write_text(
        "import nascope\nprint('run')\n"
        f"study = nascope.Study('DARTS', **{ {**SECTIONS, 'variants': {}, 'landscape': None}!r})\n"
        f"print(nascope.run_study(study, {str(tmp_path / 's')!r}, workers=1, progress=False))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.count("run\n") == 1
    assert "1 of 1 trials trained" in done.stdout
