"""Reading studies that are missing, partial or damaged."""

import numpy as np
import pytest

from nascope._src.errors import StudyError
from nascope._src.records.files import write_arrays, write_bytes
from nascope._src.records.leftovers import find_leftovers
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import read_plan
from nascope._src.records.read import is_complete, probe_record, read_study, warn_of_damage
from nascope._src.records.status import read_status
from nascope._src.records.verification import check_study


def test_a_folder_without_a_study(tmp_path):
    for read in (read_status, find_leftovers, read_study):
        with pytest.raises(StudyError, match="holds no study"):
            read(tmp_path)


def test_incomplete_probes_are_recognised_without_reading_arrays(folder):
    trial = read_study(folder).trials[0]
    paths = StudyPaths(folder).trial(trial.label, trial.identity)
    probe = paths.probe("landscape", trial.probe("landscape").identity)
    arrays, summary = probe.arrays.read_bytes(), probe.summary.read_bytes()
    with np.load(probe.arrays) as file:
        incomplete = {name: file[name] for name in file.files if name != "loss"}
        uneven = dict(file) | {"loss": file["loss"][:2]}

    def looks(thorough=False):
        return is_complete(probe, thorough=thorough)

    assert looks()
    entry = arrays.rfind(b"PK\x01\x02") + 6
    newer = arrays[:entry] + b"\xff" + arrays[entry + 1 :]  # of a version that zipfile lacks
    for content in (arrays[:-30], arrays[:1000], b"", newer, incomplete, uneven):
        write = write_bytes if isinstance(content, bytes) else write_arrays
        write(probe.arrays, content)
        assert not looks()
        assert not looks(thorough=True)
    write_bytes(probe.arrays, arrays)
    for content in (b"[1]", b'{"kind": 3}', summary[:-9]):
        write_bytes(probe.summary, content)
        assert not looks()
        assert not looks(thorough=True)
    write_bytes(probe.summary, summary)
    middle = len(arrays) // 2
    write_bytes(probe.arrays, arrays[:middle] + b"damage" + arrays[middle + 6 :])
    assert looks()  # damage within an array is not noticed
    assert not looks(thorough=True)
    probe.arrays.unlink()
    assert not looks()


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("landscape", {"alphas": np.array(["a", "b", "c"])}),
        ("landscape", {"alphas": np.zeros(2)}),
        ("landscape", {"alphas": np.array(1.0)}),
        ("landscape", {"betas": np.zeros(0)}),
        ("landscape", {"loss": np.zeros((3, 2), dtype=int)}),
        ("landscape", {"accuracy": np.array("x")}),
        ("variance", {}),
        ("curvature", {"eigenvalues": np.array(["x"])}),
        (3, {}),
    ],
)
def test_arrays_are_those_of_the_kind(kind, changed):
    grid = np.zeros((3, 2))
    arrays = {"alphas": np.zeros(3), "betas": np.zeros(2), "loss": grid, "accuracy": grid}
    summary = {"kind": "landscape", "identity": "x", "settings": {}, "provenance": {}}
    assert probe_record(summary, arrays).is_plane
    with pytest.raises((KeyError, TypeError)):
        probe_record({**summary, "kind": kind}, {**arrays, **changed})


def swap(first, second):
    """Exchange two probes of a study, both of their files."""
    for path, other in ((first.arrays, second.arrays), (first.summary, second.summary)):
        content = path.read_bytes()
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)


@pytest.mark.parametrize("within", [True, False])
def test_exchanged_probes_count_as_damaged(folder, within):
    paths = StudyPaths(folder)
    trials = read_plan(paths.plan).trials
    (one, *others), (another, *_) = (
        [probe.paths_in(trial.paths_in(paths)) for probe in trial.probes] for trial in trials[:2]
    )
    places = one, others[0] if within else another
    before = sum(len(trial.probes) for trial in read_study(folder).trials)
    swap(*places)
    for place in places:
        assert not is_complete(place)
        assert not is_complete(place, thorough=False)
    found = {check.path: check.problem for check in check_study(folder) if check.problem}
    files = {path for place in places for path in (place.summary, place.arrays)}
    assert {path for path in found if path.name.startswith("result")} == files
    assert found[one.summary].startswith("belongs to another probe")
    assert found[one.arrays] == "cannot be verified without an intact result.json"
    study = read_study(folder)
    assert sum(len(trial.probes) for trial in study.trials) == before - 2
    assert "belongs to another probe" in study.trials[0].error
    with pytest.warns(
        UserWarning, match=r"least 2 files are damaged, and left out: run `nascope study"
    ):
        warn_of_damage(study)


def test_a_folder_in_place_of_a_file_counts_as_damaged(folder):
    paths = StudyPaths(folder)
    trial = read_plan(paths.plan).trials[0]
    whole = trial.paths_in(paths)
    probe = trial.probes[0].paths_in(whole)
    places = [whole.checkpoint, whole.plan, probe.summary, paths.checksums]
    for path in places:
        path.unlink(missing_ok=True)
        path.mkdir()
    found = {check.path: check.problem for check in check_study(folder) if check.problem}
    assert found[whole.checkpoint] == "is a folder, not a checkpoint"
    for path in places[1:]:
        assert found[path] == "expected a file, but this is a directory"
    assert read_study(folder).trials[0].damaged == 2


def test_an_intact_study_gives_no_warning(folder):
    warn_of_damage(read_study(folder))  # warnings are errors here
