"""A study that is killed repeatedly yields the numbers of an undisturbed one."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.study.little import numbers

pytestmark = pytest.mark.faults

STUDY = """
cells = ["DARTS"]
variants = { seeds = [1] }
[data]
train_size = 300
test_size = 60
[training]
scale = "tiny"
overrides = { channels = 2, epochs = 4 }
[landscape]
points = 5
[variance]
points = 4
"""

PLACES = {
    "a training step": r"epoch \d of 4: training$",
    "a checkpoint write": r"epoch \d of 4: writing the checkpoint$",
    "a grid chunk": r"chunk \d+ of \d+: (computing|writing)$",
}


def start(tmp_path, folder, **environment):
    command = [sys.executable, "-m", "nascope", "study", "run", str(tmp_path / "study.toml"),
               "--output", str(folder), "--device", "cpu", "--workers", "2", "--quiet"]  # fmt: skip
    return subprocess.Popen(
        command,
        env=os.environ | environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def last_lines(folder):
    """Return the last line of each log, which shows where the processes were killed."""
    logs = [path.read_text().splitlines() for path in folder.glob("trials/*/log.txt")]
    return [lines[-1] for lines in logs if lines]


@pytest.mark.timeout(900)
def test_killed_at_random_times(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    assert start(tmp_path, tmp_path / "whole").wait(timeout=300) == 0

    folder = tmp_path / "killed"
    seen: set[str] = set()
    times = random.Random(0)
    kills = 0
    for attempt in range(40):
        process = start(tmp_path, folder)
        # Each round waits for a place that was not hit yet, and then for a random time.
        wanted = [pattern for name, pattern in PLACES.items() if name not in seen]
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            lines = "\n".join(last_lines(folder)) if folder.exists() else ""
            if any(re.search(pattern, lines, re.MULTILINE) for pattern in wanted):
                break
            if not wanted and time.monotonic() > deadline - 55:
                break
            time.sleep(0.002)
        if attempt % 2:
            time.sleep(times.uniform(0, 0.3))
        if process.poll() is not None:
            break
        if attempt % 3 == 2:
            process.kill()  # the driver only: its workers must end on their own
            process.wait()
            time.sleep(1.0)
        else:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        kills += 1
        lines = "\n".join(last_lines(folder))
        seen |= {n for n, p in PLACES.items() if re.search(p, lines, re.MULTILINE)}
        if seen == set(PLACES) and kills >= 3:
            break
    assert seen == set(PLACES), f"the kills hit {seen} only"
    assert start(tmp_path, folder).wait(timeout=300) == 0
    assert numbers(folder) == numbers(tmp_path / "whole")
    assert not list(folder.rglob("chunks"))


def test_workers_do_not_outlive_a_killed_driver(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY.replace("epochs = 4", "epochs = 400"))
    folder = tmp_path / "study"
    process = start(tmp_path, folder)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(folder.glob("trials/*/log.txt")):
        time.sleep(0.1)
    time.sleep(2)
    process.kill()
    process.wait()
    time.sleep(2)
    before = [path.stat().st_size for path in folder.glob("trials/*/log.txt")]
    assert before
    time.sleep(2)
    assert [path.stat().st_size for path in folder.glob("trials/*/log.txt")] == before


def test_a_study_resumes_after_ctrl_c(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    folder = tmp_path / "study"
    process = start(tmp_path, folder)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(
        "done" in path.read_text() for path in folder.glob("trials/*/log.txt")
    ):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert start(tmp_path, folder).wait(timeout=300) == 0
