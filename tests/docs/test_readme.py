"""README's ten lines of the command line work as pasted, in order, with a smaller network."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.cli.running import nascope
from tests.docs.pages import blocks

SMALLER = {
    "train DARTS": "train DARTS --channels 2 --layers 3 --epochs 2 --train-size 100 "
    "--output runs/train/DARTS.safetensors",
    "points 11": "points 3 --instances 20 --output runs/train/DARTS-landscape-points-11.npz",
    "points 5": "points 2 --instances 20",
}


def test_ten_lines(tmp_path):
    lines = next(text for _, text in blocks(Path("README.md")) if "nascope cells" in text)
    assert len(lines.splitlines()) == 10
    for line in lines.splitlines():
        words = line
        for shown, smaller in SMALLER.items():
            words = words.replace(shown, smaller)
        result = nascope(*shlex.split(words)[1:], cwd=tmp_path)
        assert result.returncode == 0, f"{line}: {result.stderr}"
        assert result.stdout, line
    # The last line is a verdict; README quotes its numbers, which test_wiring_page.py checks.
    assert "labels that follow the pattern" in result.stdout
