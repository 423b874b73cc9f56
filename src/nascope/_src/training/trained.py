"""The data set of a trained network."""

from __future__ import annotations

from nascope._src.data.datasets import DataSet, load_data
from nascope._src.errors import DataError
from nascope._src.training.checkpoint import Checkpoint


def load_training_data(checkpoint: Checkpoint, data_dir: str | None) -> DataSet:
    """Load the data set that a checkpoint was trained on.

    Raises:
        DataError: It is missing, or is not the one that the network was trained on.
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
    """Return the data set if it has the expected digest.

    Raises:
        DataError: It has another.
    """
    if data.digest != digest:
        raise DataError(
            f"{data.name} is another data set than planned or trained on: its digest is "
            f"{data.digest}, not {digest}"
        )
    return data
