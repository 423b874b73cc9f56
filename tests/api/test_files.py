import json
import subprocess
import sys

import numpy as np
import pytest

import nascope


def nascope_command(*words):
    command = [sys.executable, "-m", "nascope", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_saved_landscapes_are_what_the_command_line_reads_and_writes(trained, tmp_path):
    surface = nascope.landscape(trained, points=3, instances=20, progress=False)
    path = surface.save(str(tmp_path / "l.npz"))
    again = nascope.load(path)
    assert isinstance(again, nascope.Landscape)
    np.testing.assert_array_equal(again.loss, surface.loss)
    assert again.smoothness() == surface.smoothness()  # it knows the number of classes
    assert "roughness" in nascope_command("smoothness", path)

    checkpoint = trained.save(tmp_path / "c.safetensors")
    options = ("--points", 3, "--instances", 20, "--output", tmp_path / "other.npz", "--quiet")
    nascope_command("probe", "landscape", checkpoint, *options)
    other = nascope.load(str(tmp_path / "other.npz"))
    np.testing.assert_array_equal(other.loss, surface.loss)
    assert other.record.identity == surface.record.identity
    assert other.settings.keys() <= surface.settings.keys()
    assert (other.network, surface.network, again.network) == ("c", "DARTS", "DARTS")


def test_what_cannot_be_read(tmp_path, risk):
    with pytest.raises(nascope.NascopeError, match="no such checkpoint"):
        nascope.load(tmp_path / "nothing.safetensors")
    with pytest.raises(nascope.NascopeError, match="read a study with nascope.read_study"):
        nascope.load(str(tmp_path))
    with pytest.raises(nascope.NascopeError, match="nothing.npz is missing"):
        nascope.load(tmp_path / "nothing.npz")
    surface = nascope.landscape(risk, points=2, progress=False)
    with pytest.raises(nascope.NascopeError, match="ends in .npz, but got"):
        surface.save(tmp_path / "surface.csv")
    path = surface.save(tmp_path / "s.npz")
    summary = path.with_suffix(".json")
    fields = json.loads(summary.read_text())
    del fields["checksum"]
    summary.write_text(json.dumps(fields | {"kind": "census"}))
    with pytest.raises(nascope.NascopeError, match="got 'census'"):
        nascope.load(path)
    summary.write_text("{}")
    with pytest.raises(nascope.NascopeError, match="does not describe a probe"):
        nascope.load(path)
    summary.unlink()
    with pytest.raises(nascope.NascopeError, match=r"expected s.json next to .*copy both files"):
        nascope.load(path)
