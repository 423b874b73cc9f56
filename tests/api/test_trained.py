import gc
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import torch

import nascope
from tests.api.conftest import TINY


def test_a_training_without_a_path_leaves_nothing(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    trained = nascope.train("SNAS", digits, progress=False, **TINY)
    assert list(tmp_path.iterdir()) == []
    kept = nascope.train("SNAS", digits, progress=False, keep=["epoch 0.5"], **TINY)
    assert kept.network_at("epoch 0.5") is not None
    for network in (trained, kept):
        assert network.record.finished
    del kept, network
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_the_same_training_twice_has_the_same_weights(digits):
    networks = [nascope.train("SNAS", digits, progress=False, **TINY).network for _ in range(2)]
    for one, two in zip(*(network.state_dict().values() for network in networks), strict=True):
        assert torch.equal(one, two)


def test_a_training_with_a_path_resumes_and_is_not_repeated(digits, tmp_path):
    path = tmp_path / "snas.safetensors"
    whole = nascope.train("SNAS", digits, path=str(path), progress=False, **TINY)
    before = path.stat().st_mtime_ns
    again = nascope.train("SNAS", digits, path=path, progress=False, **TINY)
    assert path.stat().st_mtime_ns == before
    assert again.checkpoint.weights == whole.checkpoint.weights
    with pytest.raises(nascope.NascopeError, match="belongs to another training"):
        nascope.train("DARTS", digits, path=path, progress=False, **TINY)


def test_what_a_trained_network_is(trained, digits):
    assert (trained.genotype.name, trained.seed, trained.recipe.channels) == ("DARTS", 0, 2)
    assert repr(trained).startswith("Trained(DARTS on digits, seed 0: 1 epoch, training loss ")
    assert repr(trained.network).startswith("Network(DARTS, channels=2, layers=3, classes=10, ")
    assert not trained.network.training
    assert trained.data is digits
    beginning = trained.network_at("initialisation")
    assert not torch.equal(beginning.classifier.weight, trained.network.classifier.weight)
    assert trained.network_at("epoch 0.5").classifier.weight.isfinite().all()


def test_the_curve_is_a_frame(trained):
    curve = trained.curve
    assert isinstance(curve, pd.DataFrame)
    assert curve["epoch"].iloc[-1] == 1
    assert curve["test_accuracy"].iloc[-1] == trained.record.last.test_accuracy
    assert curve["validation_loss"].isna().all()
    assert set(curve.dtypes.astype(str)) == {"float64"}


def test_it_is_evaluated_on_each_split(trained):
    result = trained.evaluate()
    assert result.accuracy == pytest.approx(trained.record.last.test_accuracy)
    assert len(trained.evaluate("train").losses) == 100
    assert repr(result).startswith("Evaluation(40 images: loss 2.")
    with pytest.raises(nascope.NascopeError, match="expected one of the splits test, train"):
        trained.evaluate("validation")


def test_it_is_saved_with_its_kept_weights(trained, tmp_path):
    path = trained.save(str(tmp_path / "runs" / "darts.safetensors"))
    assert path == tmp_path / "runs" / "darts.safetensors"
    read = nascope.load(path)
    assert read.checkpoint.weights == trained.checkpoint.weights
    for moment in ("epoch 0.5", "end"):
        kept = read.network_at(moment).state_dict(), trained.network_at(moment).state_dict()
        for one, two in zip(*(state.values() for state in kept), strict=True):
            assert torch.equal(one, two)
    assert read.data.digest == trained.data.digest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "DRATS"}, "did you mean DARTS"),
        ({"data": "mnist"}, "mnist"),
        ({"recipe": "section5"}, "no recipe 'section5'"),
        ({"scale": "huge"}, "no scale 'huge'"),
        ({"epochs": 0}, "epochs: expected an integer of at least 1, got 0"),
        ({"epoch": 3}, "epoch: unknown key; did you mean epochs"),
        ({"keep": ["halfway"]}, "expected a moment of the training"),
        ({"device": "abacus"}, "abacus"),
    ],
)
def test_mistakes_are_told_before_any_work(arguments, message, monkeypatch):
    monkeypatch.delenv("NASCOPE_DATA", raising=False)
    with pytest.raises(nascope.NascopeError, match=message):
        nascope.train(**({"cell": "DARTS", "progress": False} | arguments))


def test_the_picture_is_a_png(trained, tmp_path):
    assert trained._repr_png_().startswith(b"\x89PNG")
    figure = trained.plot()
    assert figure._repr_png_().startswith(b"\x89PNG")
    figure.savefig(tmp_path / "curve.pdf")
    assert Path(tmp_path / "curve.pdf").stat().st_size > 1000
