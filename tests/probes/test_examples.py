"""The examples run, on networks that are none of ours, and find what they should."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *words):
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_resnet(tmp_path):
    text = run("probe_resnet.py", tmp_path, 1, 5)
    assert {path.name for path in tmp_path.iterdir()} == {
        "landscape-frozen.png",
        "landscape-recalibrated.png",
    }
    assert re.search(r"before training: √g = \d.*by layerwise", text)
    shares = [float(share) for share in re.findall(r": (\d+\.\d)%", text)]
    assert len(shares) == 10  # stem, three blocks and a classifier, twice
    assert abs(sum(shares) - 200) < 0.5
    assert "largest eigenvalues" in text


def test_an_mlp(tmp_path):
    text = run("probe_mlp.py", tmp_path)
    one, halfway = map(float, re.search(r"one (\S+), halfway to the other (\S+)", text).groups())
    assert one < 0.05 < halfway
    assert "by layerwise" in text
    assert text.count("Lipschitz constant of the gradient in layer") == 4
    assert {path.name for path in tmp_path.iterdir()} == {"line.png", "trajectory.png"}
