"""How a grid's points are split into chunks, and the chunks among processes. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

from nascope._src.errors import ProbeError

CHUNK = 4  # points; fixed, so that chunks don't depend on the number of workers


@dataclass(frozen=True)
class Share:
    """A part of a grid's chunks, that one of several processes computes: its place from 0."""

    place: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.place < self.of:
            raise ProbeError(f"part {self.place} of {self.of} is none")

    def chunks(self, count: int) -> range:
        """The chunks that are part of it, of ``count``: neighbours."""
        return range(self.place * count // self.of, (self.place + 1) * count // self.of)


def num_chunks(points: int) -> int:
    """How many chunks a grid of so many points is worked off in."""
    return -(-points // CHUNK)
