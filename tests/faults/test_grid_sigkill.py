"""A landscape that is killed repeatedly yields the same file as an undisturbed run."""

import random
import signal
import subprocess
import sys
import time

import pytest

KILLS = 2


def command(*words):
    return [sys.executable, "-m", "nascope", *map(str, words)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_again_and_again(tmp_path):
    checkpoint = tmp_path / "c.safetensors"
    words = ("train", "SNAS", "--channels", 2, "--layers", 3, "--epochs", 1, "--train-size", 100,
             "--test-size", 40, "--output", checkpoint, "-q")  # fmt: skip
    subprocess.run(command(*words), check=True, capture_output=True)
    probe = ("probe", "landscape", checkpoint, "--points", 25, "-q", "--output")
    whole, killed = tmp_path / "whole.npz", tmp_path / "killed.npz"
    began = time.monotonic()
    subprocess.run(command(*probe, whole), check=True, capture_output=True)
    seconds = time.monotonic() - began
    random.seed(0)
    kills = kept = 0
    while kills < KILLS:
        process = subprocess.Popen(
            command(*probe, killed, "--workers", 1 + kills % 3),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            chunks = list(tmp_path.glob(".killed-*-chunks/*.npz"))
            if len(chunks) > kept:  # it resumes where it stopped
                break
            time.sleep(0.01)
        time.sleep(random.uniform(0, seconds / (3 * KILLS)))
        assert process.poll() is None, "it ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        kept = len(list(tmp_path.glob(".killed-*-chunks/*.npz")))
        assert not killed.exists()
    assert kept > KILLS
    subprocess.run(command(*probe, killed), check=True, capture_output=True)
    assert killed.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob(".killed-*-chunks"))
