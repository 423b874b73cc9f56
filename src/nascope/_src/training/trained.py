"""From a checkpoint back to its network and its data."""

from __future__ import annotations

from nascope._src.cells.formats.fields import from_dict
from nascope._src.data.datasets import DataSet, load_data
from nascope._src.errors import DataError
from nascope._src.networks.network import Network
from nascope._src.training.checkpoint import Checkpoint
from nascope._src.training.recipe import Recipe
from nascope._src.training.train import build_network


def trained_network(checkpoint: Checkpoint) -> Network:
    """The network that a checkpoint holds, on the CPU."""
    records = checkpoint.records
    network = build_network(
        from_dict(records["genotype"]), Recipe(**records["recipe"]), records["data"], seed=0
    )
    network.load_state_dict(checkpoint.part("model"))
    return network


def data_of(checkpoint: Checkpoint, data_dir: str | None) -> DataSet:
    """The data set that a checkpoint was trained on.

    Raises:
        DataError: it is not there, or another one lies in its place.
    """
    recorded = checkpoint.records["data"]
    data = load_data(
        recorded["name"],
        data_dir=data_dir,
        train_size=recorded["train"],
        test_size=recorded["test"],
        validation_size=recorded["validation"],
    )
    return require_digest(data, recorded["digest"])


def require_digest(data: DataSet, digest: str) -> DataSet:
    """The data set, if its digest is the expected one."""
    if data.digest != digest:
        raise DataError(
            f"{data.name} is another data set than planned or trained on: its digest is "
            f"{data.digest}, not {digest}"
        )
    return data
