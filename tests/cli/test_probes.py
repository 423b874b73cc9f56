"""Probe a trained network, at any moment of its training, and interrupt a probe."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.cli.running import assert_refused, nascope


def test_train_then_probe(tmp_path):
    """The README's tour on a network of seconds; a second call goes on, and changes nothing."""
    words = ("train", "SNAS", "--channels", 2, "--layers", 3, "--epochs", 2, "--train-size", 100,
             "--test-size", 40, "--output", tmp_path / "c.safetensors")  # fmt: skip
    first = nascope(*words)
    assert first.returncode == 0, first.stderr
    assert re.search(r"c.safetensors: trained, 2 epochs, .* test accuracy \d", first.stdout)
    again = nascope(*words)
    assert again.stdout == first.stdout
    kept = {
        "landscape": {"loss", "accuracy", "loss_error"},
        "variance": {"variance", "block_variance"},
        "curvature": {"eigenvalues", "residuals", "trace_samples", "lipschitz"},
    }
    few = ("--top", 2, "--vectors", 2, "--steps", 4, "--block-steps", 3, "--instances", 20)
    names = {}
    for kind, arrays in kept.items():
        more = few if kind == "curvature" else ()
        words = ("probe", kind, tmp_path / "c.safetensors", "--points", 3, *more)
        result = nascope(*words)
        assert result.returncode == 0, result.stderr
        assert re.match(r"(about|less than) .* × \d+ instances on .*, timed on", result.stderr)
        printed = json.loads(nascope(*words, "--json").stdout)
        path = Path(printed["file"])
        names[kind] = path.stem
        assert path.stem.startswith(f"c-{kind}-")
        assert "points-3" in path.stem  # a default name carries what differs from the defaults
        for number in list(printed["numbers"].values())[0:1]:
            first = number[0] if isinstance(number, list) else number
            assert f"{first:.4g}" in result.stdout
        with np.load(path) as file:
            assert arrays <= set(file.files)
            assert all(np.isfinite(file[name]).all() for name in arrays)
        settings = json.loads(path.with_suffix(".json").read_text())["settings"]
        assert settings["batchnorm"] == "frozen"
    written = {f"{names[kind]}.{suffix}" for kind in kept for suffix in ("npz", "json", "png")}
    checkpoints = {"c.safetensors", "c.safetensors.previous"}
    assert {path.name for path in tmp_path.iterdir()} == written | checkpoints


def test_interrupting_a_probe(tmp_path):
    """Ctrl-C ends it with 130 and a word, and keeps what is finished."""
    path = tmp_path / "c.safetensors"
    words = ("train", "DARTS", "--channels", 2, "--layers", 3, "--epochs", 1, "--train-size", 100,
             "--test-size", 40, "--output", path, "-q")  # fmt: skip
    assert nascope(*words).returncode == 0
    command = [sys.executable, "-m", "nascope", "probe", "landscape", str(path), "--points", "31"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(tmp_path.glob(".c-landscape-*-chunks/*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1] == "interrupted"
    assert "Traceback" not in errors
    assert list(tmp_path.glob(".c-landscape-*-chunks/*.npz"))
    assert not list(tmp_path.glob("c-landscape*.npz"))


def test_probes_at_moments_of_the_training(tmp_path):
    """Weights kept on the way, found again by training again, a trajectory, and two networks."""
    common = ("--channels", 2, "--layers", 3, "--epochs", 3, "--train-size", 100,
              "--test-size", 40, "-q")  # fmt: skip
    for seed in (0, 1):
        path = tmp_path / f"{seed}.safetensors"
        result = nascope("train", "DARTS", *common, "--seed", seed, "--output", path)
        assert result.returncode == 0, result.stderr
    zero, one = tmp_path / "0.safetensors", tmp_path / "1.safetensors"
    probe = ("probe", "landscape", zero, "--points", 5, "-q")
    assert_refused(nascope(*probe, "--at", "epoch 1"), "were not kept")
    assert_refused(nascope(*probe, "--trajectory"), "a trajectory needs weights kept on the way")
    assert_refused(nascope(*probe, "--at", "epoch 0.3"), "expected a point of the curves")
    assert_refused(
        nascope(*probe, "--at", "noon"), "expected a moment of the training .*, got 'noon'"
    )
    assert_refused(
        nascope(*probe, "--trajectory", "--line"), "plane of a trajectory needs 2 dimensions"
    )
    assert_refused(nascope(*probe, "--output", tmp_path), "must end in .npz")
    before = zero.read_bytes()
    keep = ("--keep", "epoch 0.5", "--keep", "epoch 1", "--keep", "loss 1e-9")
    result = nascope("train", "DARTS", *common, "--seed", 0, "--output", zero, *keep)
    assert result.returncode == 0, result.stderr
    assert zero.read_bytes() == before
    kept = {path.name for path in (tmp_path / "0-snapshots").iterdir()}
    assert kept == {"epoch_0.5.safetensors", "epoch_1.safetensors"}
    found = {}
    for at in ("initialisation", "epoch 0.5", "epoch 1", "end", "epoch 3", "loss 1e-9"):
        result = nascope(*probe, "--at", at, "--output", tmp_path / "at.npz")
        assert result.returncode == 0, result.stderr
        with np.load(tmp_path / "at.npz") as file:
            found[at] = file["loss"][2, 2]
        assert ("did not reach" in result.stdout) == (at == "loss 1e-9")
    assert np.isnan(found.pop("loss 1e-9"))
    assert found.pop("epoch 3") == found["end"]
    assert len(set(found.values())) == 4
    for more, shape in ((("--trajectory",), (5, 5)), (("--to", one), (5,)), (("--line",), (5,))):
        result = nascope(*probe, *more, "--output", tmp_path / "more.npz")
        assert result.returncode == 0, result.stderr
        with np.load(tmp_path / "more.npz") as file:
            assert file["loss"].shape == shape
            assert ("trajectory" in file.files) == (more == ("--trajectory",))
        assert bool(re.search(r"epoch 0.5: \d.* and \d.*in the plane\)", result.stdout)) == (
            "--trajectory" in more
        )
