"""A training that is killed at random moments yields the same bits as an undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from nascope._src.training.checkpoint import load_checkpoint
from tests.training.checks import assert_same

pytestmark = pytest.mark.faults

CODE = """
import sys
from pathlib import Path
import torch
from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.training.recipe import Recipe
from nascope._src.training.files import TrainingFiles
from nascope._src.training.train import train_network
torch.set_num_threads(1)
data = load_data("digits", train_size=400, test_size=60)
recipe = Recipe(channels=2, layers=3, epochs=4, batch_size=20, drop_path=0.2)
path = Path(sys.argv[1])
files = TrainingFiles(path, previous=path.with_name("previous"))
train_network(load_cell("AmoebaNet"), data, recipe, files, seed=1, checkpoint_seconds=0.05,
              progress=lambda *_: print("step", flush=True))
"""


def start(path):
    return subprocess.Popen([sys.executable, "-c", CODE, str(path)], stdout=subprocess.PIPE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "c.safetensors"
    process = start(path)
    assert process.stdout.readline()  # imported and set up
    before = time.monotonic()
    process.communicate(timeout=120)
    assert process.returncode == 0
    return load_checkpoint(path), time.monotonic() - before


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_killed_at_random_moments(whole, tmp_path, seed):
    """Each time it resumes where it stopped."""
    undisturbed, seconds = whole
    path = tmp_path / "c.safetensors"
    moments = random.Random(seed)
    for _ in range(4):
        process = start(path)
        process.stdout.readline()
        time.sleep(moments.uniform(0, seconds / 3))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    again = start(path)
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert_same(load_checkpoint(path), undisturbed)
