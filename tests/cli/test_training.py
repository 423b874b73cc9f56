"""Evaluate a training, print its curves, and import its weights."""

from __future__ import annotations

import json
import re

import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.running import assert_refused, nascope


def test_evaluate_curves_and_import(tmp_path):
    checkpoint = tmp_path / "c.safetensors"
    words = ("--channels", 2, "--layers", 3, "--epochs", 2, "--train-size", 100,
             "--test-size", 40, "--set", "weight_decay=0", "--set", "flip=false")  # fmt: skip
    first = nascope("train", "DARTS", *words, "--output", checkpoint)
    assert first.returncode == 0, first.stderr
    result = nascope("evaluate", checkpoint, "--output", tmp_path / "images.parquet")
    assert result.returncode == 0, result.stderr
    accuracy = re.search(r"test accuracy ([\d.]+)%", first.stdout)[1]
    assert "40 test images of digits: loss" in result.stdout
    assert f"accuracy {accuracy}%" in result.stdout
    table = pq.read_table(tmp_path / "images.parquet").to_pydict()
    assert len(table["loss"]) == 40
    assert 100 * sum(rank == 0 for rank in table["rank"]) / 40 == pytest.approx(float(accuracy))
    shown = nascope("curves", checkpoint, "--output", tmp_path / "curves.parquet")
    assert shown.returncode == 0, shown.stderr
    curves = pq.read_table(tmp_path / "curves.parquet").to_pydict()
    assert curves["epoch"] == [0.5, 1, 1.5, 2]
    assert [loss is None for loss in curves["epoch_train_loss"]] == [True, False, True, False]
    assert len(shown.stdout.splitlines()) == 2 + 4
    for suffix in ("csv", "json"):
        result = nascope("curves", checkpoint, "--output", tmp_path / f"curves.{suffix}")
        assert result.returncode == 0, result.stderr
    assert len(json.loads((tmp_path / "curves.json").read_text())) == 4
    printed = json.loads(nascope("curves", checkpoint, "--json").stdout)
    assert [point["test_loss"] for point in printed["curve"]] == curves["test_loss"]
    printed = json.loads(nascope("evaluate", checkpoint, "--json").stdout)
    assert f"{printed['accuracy']:.2%}" == f"{accuracy}%"
    assert_refused(nascope("curves", checkpoint, "--output", tmp_path / "c.xlsx"), "must end in")
    assert_refused(nascope("evaluate", checkpoint, "--data", "validation"), "without a validation")
    assert_refused(nascope("evaluate", checkpoint, "--precision", "tf32"), "NVIDIA GPU")
    for setting, pattern in [("weight_decy=0", "did you mean weight_decay"),
                             ("weight_decay", "expects NAME=VALUE"),
                             ("epochs=lots", "expected an integer of at least 1, got 'lots'")]:  # fmt: skip
        assert_refused(nascope("train", "DARTS", "--set", setting, cwd=tmp_path), pattern)

    save_file(load_file(checkpoint), tmp_path / "other.safetensors")
    result = nascope("import", tmp_path / "other.safetensors", "DARTS", "--dataset", "digits",
                     "--channels", 2, "--layers", 3, "--output", tmp_path / "i.safetensors")  # fmt: skip
    assert_refused(result, "unknown")  # a checkpoint of ours holds momentum, too
    weights = {
        name.removeprefix("model."): value
        for name, value in load_file(checkpoint).items()
        if name.startswith("model.")
    }
    save_file(weights, tmp_path / "other.safetensors")
    result = nascope("import", tmp_path / "other.safetensors", "DARTS", "--dataset", "digits",
                     "--channels", 2, "--layers", 3, "--output", tmp_path / "i.safetensors")  # fmt: skip
    assert result.returncode == 0, result.stderr
    result = nascope("evaluate", tmp_path / "i.safetensors")
    assert re.search(r"359 test images of digits: .* accuracy \d", result.stdout), result.stderr
    assert "no points yet" in nascope("curves", tmp_path / "i.safetensors").stdout
