"""Chunks of a probe's work: how they are shared among processes, and kept on disk.

This module does not load torch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nascope._src.errors import ProbeError, StudyError
from nascope._src.records.files import read_arrays, write_arrays
from nascope._src.runtime.types import Arrays

logger = logging.getLogger(__name__)

CHUNK = 4  # points; fixed, so that chunks do not depend on the number of workers


@dataclass(frozen=True)
class Share:
    """The part of a grid's chunks that one of several processes computes.

    Args:
        index: Number of the part, from 0.
        count: Number of parts.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ProbeError(f"part must be in [0, {self.count}), got {self.index}")

    def chunks(self, total: int) -> range:
        """Return the numbers of the chunks in this part, out of ``total``; they are adjacent."""
        return range(self.index * total // self.count, (self.index + 1) * total // self.count)


def num_chunks(points: int) -> int:
    """Return the number of chunks for a grid with this many points."""
    return -(-points // CHUNK)


class ChunkStore:
    """Finished pieces of work, one npz file each.

    Args:
        folder: The folder, for a single computation. With None, nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """Return the arrays kept under a name; None if the file is missing or damaged."""
        if self._folder is None or not (path := self._folder / f"{name}.npz").is_file():
            return None
        try:
            return dict(read_arrays(path))
        except StudyError:
            logger.info("%s is damaged; computing it again", path.name)
            return None

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep arrays under a name."""
        if self._folder is not None:
            write_arrays(self._folder / f"{name}.npz", arrays)

    def get(self, name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return the arrays kept under a name; if there are none, compute and keep them."""
        arrays = self.load(name)
        if arrays is None:
            arrays = compute()
            self.save(name, arrays)
        return arrays
