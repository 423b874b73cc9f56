"""Weights trained elsewhere: DARTS' parameter names, torch's file formats, and bad files."""

import os
import re

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


def test_imported_weights_can_be_probed(network, digits, tmp_path):
    torch.save(published(network), tmp_path / "w.pt")
    output = tmp_path / "c.safetensors"
    import_weights(tmp_path / "w.pt", load_cell("DARTS"), digits, output, **SIZE)
    plan = LandscapeSettings(points=3, instances=20)
    arrays, _ = probe_checkpoint(
        output, plan, tmp_path / "l.npz", data_dir=None, device=torch.device("cpu")
    )
    assert arrays["loss"].shape == (3, 3)


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
        (b"hello, world", "contains other objects|damaged"),
        (b"PK\x03\x04 broken", "damaged"),
    ],
)
@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_damaged_file_is_refused(tmp_path, content, message, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_weights(tmp_path / name)


def test_what_is_no_weights_is_refused(tmp_path):
    for content, message in [({}, "expected weights by name"), ([1], "expected weights by name"),
                             ({"a": 1}, "'a' is not a tensor")]:  # fmt: skip
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
    for cell, size, message in [
        ("SNAS", SIZE, r"missing \(cells.*\), \d+ unknown|missing"),
        ("DARTS", {"channels": 8, "layers": 5}, "of another shape (stem.0.weight (12, 1, 3, 3) for"),
        ("DARTS", {"channels": 4, "layers": 6}, "missing (cells.1._ops.0.op.1.weight"),
    ]:  # fmt: skip
        pattern = message if cell == "SNAS" else re.escape(message)
        with pytest.raises(CheckpointError, match=pattern):
            import_weights(tmp_path / "w.pt", load_cell(cell), digits, output, **size)
    assert not output.exists()
