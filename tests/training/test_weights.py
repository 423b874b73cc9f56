"""Weights trained elsewhere: DARTS' parameter names, torch's file formats, and bad files."""

import argparse
import os
import re
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.errors import CheckpointError
from nascope._src.networks.network import Network
from nascope._src.probes.checkpoint import probe_checkpoint
from nascope._src.probes.settings import LandscapeSettings
from nascope._src.training.build import restore_network
from nascope._src.training.weights import import_weights, read_weights

SIZE = {"channels": 4, "layers": 5}


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return Network(load_cell("DARTS"), classes=10, image_channels=1, image_size=8, **SIZE)


def published(network):
    """Weights as DARTS' files hold them: no counters, and a tower that only training used."""
    weights = {k: v for k, v in network.state_dict().items() if "num_batches_tracked" not in k}
    return weights | {"auxiliary_head.classifier.bias": torch.zeros(10)}


def test_the_names_are_the_published_ones(network):
    names = set(network.state_dict())
    assert {
        "stem.0.weight",
        "cells.0.preprocess0.op.1.weight",
        "cells.3._ops.0.op.1.weight",
        "cells.1._ops.0.op.1.weight",
        "cells.2.preprocess0.conv_1.weight",
        "cells.2.preprocess0.bn.running_var",
        "classifier.weight",
    } - names == {"cells.3._ops.0.op.1.weight", "cells.1._ops.0.op.1.weight"}  # max pools there
    whole = Network(load_cell("DARTS"), channels=4, layers=20)
    assert "cells.3._ops.0.op.1.weight" in whole.state_dict()


@pytest.mark.parametrize("form", ["zip", "old", "safetensors", "wrapped", "parallel"])
def test_every_form_of_file_is_read(network, digits, tmp_path, form):
    path = tmp_path / ("w.safetensors" if form == "safetensors" else "w.pt")
    weights = published(network)
    if form == "safetensors":
        save_file({k: v.contiguous() for k, v in weights.items()}, path)
    elif form == "wrapped":
        torch.save({"epoch": 600, "state_dict": weights}, path)
    elif form == "parallel":
        torch.save({f"module.{k}": v for k, v in weights.items()}, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=form == "zip")
    output = tmp_path / "c.safetensors"
    checkpoint = import_weights(path, load_cell("DARTS"), digits, output, **SIZE)
    images = torch.randn(3, 1, 8, 8)
    got = restore_network(checkpoint).eval()(images)
    torch.testing.assert_close(got, network.eval()(images))
    assert checkpoint.records["provenance"]["imported_from"] == path.name


def test_the_authors_names_of_factored_convolutions(digits, tmp_path):
    """In DARTS' code, conv_7x1_1x7 is a bare Sequential: `cells.1._ops.8.1.weight`, without op."""
    network = Network("AmoebaNet", classes=10, image_channels=1, image_size=8, **SIZE)
    bare = {
        k.replace("_ops.8.op.", "_ops.8.") if network.cells[int(k.split(".")[1])].operations[8:9]
        == ("conv_7x1_1x7",) else k: v
        for k, v in network.state_dict().items() if k.startswith("cells")
    }  # fmt: skip
    rest = {k: v for k, v in network.state_dict().items() if not k.startswith("cells")}
    assert "cells.1._ops.8.1.weight" in bare
    torch.save({**bare, **rest}, tmp_path / "w.pt")
    output = tmp_path / "c.safetensors"
    checkpoint = import_weights(tmp_path / "w.pt", load_cell("AmoebaNet"), digits, output, **SIZE)
    images = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(restore_network(checkpoint).eval()(images), network.eval()(images))


def test_imported_weights_can_be_probed(network, digits, tmp_path):
    torch.save(published(network), tmp_path / "w.pt")
    output = tmp_path / "c.safetensors"
    import_weights(tmp_path / "w.pt", load_cell("DARTS"), digits, output, **SIZE)
    plan = LandscapeSettings(points=3, instances=20)
    arrays, _ = probe_checkpoint(
        output, plan, tmp_path / "l.npz", data_dir=None, device=torch.device("cpu")
    )
    assert arrays["loss"].shape == (3, 3)


WRAPPERS = [
    lambda w: {f"_orig_mod.module.{name}": value for name, value in w.items()},
    lambda w: {f"model.net._orig_mod.{name}": value for name, value in w.items()},
    lambda w: {name.replace("cells.0.", "cells.0._orig_mod."): value for name, value in w.items()},
    lambda w: w | {"total_ops": torch.zeros(1), "cells.0.total_params": torch.zeros(1)},
    lambda w: {"net": {"model": {"state_dict": w}}, "optimizer": {"state": {}}},
    lambda w: {"model": w, "acc": np.float64(97.1), "best": np.int64(3), "epoch": 600},
    lambda w: {"weights": w, "args": argparse.Namespace(layers=20), "losses": np.arange(3.0)},
    lambda w: w | {"epoch": 600, "acc": np.float32(97.1)},
]


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_wrappers_add_is_removed(network, tmp_path, wrap, zipped):
    weights = published(network)
    torch.save(wrap(weights), tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    assert read_weights(tmp_path / "w.pt").keys() == weights.keys()


def test_two_networks_in_a_file(network, tmp_path):
    weights = published(network)
    both = {f"{name}.{key}": value for name in ("model", "net") for key, value in weights.items()}
    torch.save(both, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"one network, but 'model.stem.* are both 'stem.0.w"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.tensor([1.0, float("nan")]), "expected finite weights"),
        (torch.ones(2, dtype=torch.complex64), "expected a dense tensor of real numbers"),
        (torch.eye(2).to_sparse(), "expected a dense tensor of real numbers"),
        (torch.ones(2, device="meta"), "expected a dense tensor of real numbers"),
    ],
)
def test_odd_tensors_are_refused(tmp_path, tensor, said):
    torch.save({"a": tensor}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=f"'a': {said}"):
        read_weights(tmp_path / "w.pt")


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path):
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pt")
    with (
        ZipFile(tmp_path / "plain.pt") as plain,
        ZipFile(tmp_path / "w.pt", "w", ZIP_DEFLATED) as packed,
    ):
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    with pytest.raises(CheckpointError, match="compressed"):
        read_weights(tmp_path / "w.pt")
    os.mkfifo(tmp_path / "pipe.pt")
    for path in (tmp_path / "pipe.pt", Path("/dev/zero")):
        with pytest.raises(CheckpointError, match="expected a file"):
            read_weights(path)


def test_a_supernet_is_recognised(network, digits, tmp_path):
    for entry in ("alphas_normal", "cells.0._ops.3._ops.1.op.1.weight", "model._arch_parameters.0"):
        torch.save(published(network) | {entry: torch.zeros(2)}, tmp_path / "w.pt")
        with pytest.raises(CheckpointError, match=f"supernet of a search.*{entry[-10:]}"):
            import_weights(tmp_path / "w.pt", load_cell("DARTS"), digits, tmp_path / "c", **SIZE)


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_file_with_code_in_it_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Malicious()}, "w.pt")
    with pytest.raises(CheckpointError, match="contains other objects"):
        read_weights(tmp_path / "w.pt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged, or not a file of weights"),
        (b"hello, world", "damaged"),
        (b'{"$number": null}', "damaged"),
        (b"PK\x03\x04 broken", "damaged"),
    ],
)
@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_damaged_file_is_refused(tmp_path, content, message, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_weights(tmp_path / name)
    assert "weights_only" not in str(caught.value)  # torch's unsafe advice


def test_what_is_no_weights_is_refused(tmp_path):
    for content, message in [({}, "expected weights by name"), ([1], "expected weights by name"),
                             ({"a": 1}, "expected weights by name")]:  # fmt: skip
        torch.save(content, tmp_path / "w.pt")
        with pytest.raises(CheckpointError, match=message):
            read_weights(tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="no such file"):
        read_weights(tmp_path / "missing.pt")
    with pytest.raises(CheckpointError, match="directory"):
        read_weights(tmp_path)


def test_weights_of_another_network_are_refused_by_name(network, digits, tmp_path):
    torch.save(published(network), tmp_path / "w.pt")
    output = tmp_path / "c.safetensors"
    for cell, size, message, advice in [
        ("SNAS", SIZE, "missing (cells.0._ops", "They have the operations of DARTS"),
        ("DARTS", {"channels": 8, "layers": 5}, "of another shape (stem.0.weight (12, 1, 3, 3) for",
         "They have 4 channels and 5 layers"),
        ("DARTS", {"channels": 4, "layers": 6}, "missing (cells.1._ops.0.op.1.weight",
         "They have 4 channels and 5 layers"),
    ]:  # fmt: skip
        with pytest.raises(CheckpointError, match=re.escape(message)) as caught:
            import_weights(tmp_path / "w.pt", load_cell(cell), digits, output, **size)
        assert advice in str(caught.value)
    assert not output.exists()
