"""A data set by name and size, before it is loaded. Loads no NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from nascope._src.errors import DataError

if TYPE_CHECKING:
    from nascope._src.data.datasets import DataSet


@dataclass(frozen=True)
class DataRequest:
    """A data set by name, and how much of it; see `nascope._src.data.datasets.load_data`.

    Args:
        name: a name such as "digits", "cifar10" or "cifar100".
        train_size, test_size, validation_size: numbers of images.
        at_most: largest numbers of training and test images, unless sizes are given.
        where: put before the key in errors: a file and its part.
    """

    name: Annotated[str, "Name of the data set: digits, cifar10, cifar100 or another one."] = (
        "digits"
    )
    train_size: Annotated[
        int | None, Ge(1), "Number of training images, balanced across the classes."
    ] = None
    test_size: Annotated[
        int | None, Ge(1), "Number of test images, balanced across the classes."
    ] = None
    validation_size: Annotated[int, Ge(0), "Number of training images to hold out."] = 0
    at_most: tuple[int | None, int | None] = (None, None)
    where: str = field(default="", compare=False, repr=False)

    def load(self, data_dir: str | Path | None = None) -> DataSet:
        """Load the data set.

        Raises:
            DataError: it is missing, damaged or smaller than requested.
        """
        from nascope._src.data.datasets import load_data  # noqa: PLC0415  (loads numpy)

        try:
            return load_data(
                self.name,
                data_dir=data_dir,
                train_size=self.train_size,
                test_size=self.test_size,
                validation_size=self.validation_size,
                at_most=self.at_most,
            )
        except DataError as error:
            if not self.where:
                raise
            raise DataError(f"{self.where}data.{error.key}: {error}", error.key) from None

    def exactly(self, data: DataSet) -> dict[str, str | int]:
        """Return the request that yields exactly this data set, as plain data."""
        return {
            "name": self.name,
            "train_size": len(data.train),
            "test_size": len(data.test),
            "validation_size": self.validation_size,
        }
