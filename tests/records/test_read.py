"""Reading studies that are missing, partial or damaged."""

import numpy as np
import pytest

from nascope._src.errors import StudyError
from nascope._src.records.files import write_arrays, write_bytes
from nascope._src.records.leftovers import find_leftovers
from nascope._src.records.paths import StudyPaths
from nascope._src.records.read import is_complete, probe_record, read_study
from nascope._src.records.status import read_status


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
