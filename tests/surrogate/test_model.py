"""A surrogate in ONNX predicts what its file says."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from nascope._src.cells.catalog import load
from nascope._src.cells.wiring import every_rewiring
from nascope._src.errors import GenotypeError, SurrogateError
from nascope._src.surrogate.encoding import read_encoding
from nascope._src.surrogate.model import FILE, check_epochs, open_surrogate
from tests.surrogate.linear import PER_EPOCH, WEIGHTS, model, write_surrogate

CELLS = [load(name) for name in ("DARTS", "SNAS", "PDARTS", "DARTS")]


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    pytest.importorskip("onnxruntime", reason="needs the extra surrogate")
    return write_surrogate(tmp_path_factory.mktemp("surrogate"))


@pytest.mark.parametrize("workers", [1, 3])
def test_predictions_are_those_of_the_model(linear, workers):
    steps = []
    predictions = open_surrogate(linear).predict(
        CELLS, [50, 1], workers=workers, progress=lambda share, words: steps.append(share)
    )
    codes = np.stack([read_encoding(linear.with_suffix(".json")).encode(cell) for cell in CELLS])
    expected = (codes @ WEIGHTS.astype(float))[:, None] + float(PER_EPOCH) * np.array([1, 50])
    assert predictions.epochs == (1, 50)
    np.testing.assert_allclose(predictions.accuracies, expected / 100, rtol=1e-5)
    assert predictions.distinct == 3  # DARTS comes twice
    assert steps[-1] == 1


def test_no_cells(linear):
    assert open_surrogate(linear).predict([], [1]).accuracies.shape == (0, 1)


def test_rewirings_that_are_the_same_cell_are_predicted_once(linear):
    predictions = open_surrogate(linear).predict(list(every_rewiring(load("SNAS"))), [98])
    assert predictions.accuracies.shape == (2880, 1)
    assert predictions.distinct == 720  # two nodes have the same operation twice
    assert len(np.unique(predictions.accuracies)) <= 720


def test_the_digest_is_the_files(linear):
    surrogate = open_surrogate(linear)
    assert surrogate.digest == hashlib.sha256(linear.read_bytes()).hexdigest()


def test_a_cell_outside_the_space_is_refused(linear):
    with pytest.raises(GenotypeError, match="AmoebaNet"):
        open_surrogate(linear).predict([CELLS[0], load("AmoebaNet")], [1])


@pytest.mark.parametrize("epochs", [[0], [99], [1, 600], [-1], []])
def test_epochs_outside_are_refused(epochs):
    with pytest.raises(SurrogateError, match="expected epochs from 1 to 98"):
        check_epochs(epochs)


def test_a_prediction_that_is_no_accuracy(tmp_path, linear):
    surrogate = open_surrogate(write_surrogate(tmp_path, offset=95))
    assert surrogate.predict(CELLS[:1], [1]).accuracies < 1
    with pytest.raises(SurrogateError, match=r"from 0 to 100 %, but DARTS at epoch 98 gets 1\d\d"):
        surrogate.predict(CELLS[:1], [1, 98])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a model in ONNX"),
        (b"no protocol buffer", "not a model in ONNX"),
        (model(cells=2), r"expected the inputs x_cat, int32 \[1, 34\].* got x_cat tensor\(int32\) \[2, 34\]"),
    ],
)  # fmt: skip
def test_files_that_are_no_surrogate(tmp_path, linear, content, words):
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(SurrogateError, match=words):
        open_surrogate(path, linear.with_suffix(".json"))


def test_a_folder_is_no_surrogate(tmp_path, linear):
    with pytest.raises(SurrogateError, match="expected a file, but this is a directory"):
        open_surrogate(tmp_path, linear.with_suffix(".json"))


def test_the_data_folder(tmp_path, linear):
    with pytest.raises(SurrogateError, match="got none: give its ONNX file with --surrogate"):
        open_surrogate()
    with pytest.raises(SurrogateError, match="does not exist: give its ONNX file"):
        open_surrogate(data_dir=tmp_path)
    (tmp_path / FILE).parent.mkdir()
    for ending in (".onnx", ".json"):
        (tmp_path / FILE).with_suffix(ending).write_bytes(linear.with_suffix(ending).read_bytes())
    assert open_surrogate(data_dir=tmp_path).path == tmp_path / FILE


def test_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SurrogateError, match=r"pip install 'nascope\[surrogate\]'"):
        open_surrogate(write_surrogate(tmp_path))


def test_codes_of_another_surrogate(tmp_path, linear):
    """A model fails on codes that it does not know; the linear one knows all."""
    surrogate = open_surrogate(linear)
    with pytest.raises(SurrogateError, match="the model failed; do the codes belong to it"):
        surrogate._call(np.zeros((1, 33), np.int32), np.ones((1, 1), np.float32))


DATA = Path(os.environ.get("NASCOPE_DATA", ""), FILE)


@pytest.mark.skipif(not DATA.is_file(), reason="needs NAS-Bench-301's surrogate in NASCOPE_DATA")
def test_the_surrogate_of_nas_bench_301(linear):
    predictions = open_surrogate(DATA).predict(CELLS[:2], [1, 98])
    assert predictions.accuracies == pytest.approx(
        np.array([[0.46387, 0.95460], [0.47873, 0.95289]]), abs=2e-4
    )
