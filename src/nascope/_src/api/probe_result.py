"""What all results of probes have in common: arrays by name, files, a picture, a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nascope._src.api.pictures import as_png, figure_of
from nascope._src.errors import ProbeError
from nascope._src.records.probe_files import write_probe
from nascope._src.records.read import ProbeRecord

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nascope._src.report.figures.style import Drawing


class ProbeResult(Mapping[str, np.ndarray]):
    """A probe's arrays, readable by name as in a mapping.

    Args:
        record: The arrays, and what was probed.
        network: Name of the network, if the record does not have it.
    """

    main: ClassVar[str]
    """Name of the array that the picture shows."""

    __eq__ = object.__eq__  # arrays have no single answer
    __hash__ = object.__hash__

    def __init__(self, record: ProbeRecord, network: str = "network") -> None:
        self.record = record
        self.network = str(record.provenance.get("network", network))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.record.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.record.arrays)

    def __len__(self) -> int:
        return len(self.record.arrays)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.network}: {self._summary()})"

    def _repr_png_(self) -> bytes | None:
        return as_png(self._draw()) if self.main in self else None

    def _summary(self) -> str:
        raise NotImplementedError

    @property
    def settings(self) -> Mapping[str, Any]:
        """What was probed, and how."""
        return self.record.settings

    def plot(self) -> Figure:
        """Return a matplotlib figure of the result.

        Raises:
            ProbeError: This is only a part of a grid.
        """
        if self.main not in self:
            raise ProbeError("expected a whole grid: probe again without ``part``")
        return figure_of(self._draw())

    def _draw(self) -> Drawing:
        from nascope._src.report.figures.probes import draw_probe  # noqa: PLC0415  (is slow)

        return draw_probe(self.record.kind, self.record.arrays, self.settings, self.network)

    def to_frame(self) -> pd.DataFrame:
        """Return the result as a pandas frame."""
        raise NotImplementedError

    def save(self, path: str | Path) -> Path:
        """Write the result as `nascope probe` does: arrays (npz), and settings next to it (JSON).

        Args:
            path: Name of the npz file. `nascope.load` reads it again.

        Returns:
            The path.

        Raises:
            ProbeError: The name does not end in .npz.
            StudyError: The folder cannot be written.
        """
        path = Path(path)
        if path.suffix != ".npz":
            raise ProbeError(f"expected a file name that ends in .npz, but got {path}")
        write_probe(path, self.record)
        return path


class GridResult(ProbeResult):
    """A probe's result on a grid of displacements α, or α and β, around a network's weights."""

    @property
    def alphas(self) -> np.ndarray:
        """Coordinates along the first direction, (A,)."""
        return self["alphas"]

    @property
    def betas(self) -> np.ndarray | None:
        """Coordinates along the second direction, (B,); None on a line."""
        return self.get("betas")

    def path(self) -> pd.DataFrame:
        """Return a pandas frame of a trajectory in its plane, with one row per step.

        Its columns are the coordinates alpha and beta; loss, the mean loss at the step's own
        weights; projected_loss, that of the point of the plane at which the step is drawn; and
        explained, the share of the step's squared distance from w* that is in the plane. A trained
        network's steps have their moment, too.

        Raises:
            ProbeError: The plane is not that of a trajectory, or this is only a part of a grid.
        """
        import pandas as pd  # noqa: PLC0415  (is slow)

        if "path_loss" not in self:
            raise ProbeError(
                "expected the plane of a trajectory: probe with along='trajectory', or a Risk with "
                "trajectory=[weights, ...]"
            )
        moments = self.settings.get("moments")
        alpha, beta = self["trajectory"].T
        return pd.DataFrame(
            ({"moment": moments} if moments else {})
            | {"alpha": alpha, "beta": beta, "loss": self["path_loss"]}
            | {"projected_loss": self["projected_loss"], "explained": self["explained_by_step"]}
        )

    def _shown(self) -> tuple[str, np.ndarray]:
        """Return the name and the values that the summary is about."""
        raise NotImplementedError

    def _summary(self) -> str:
        if self.main not in self:
            return "a part of the grid, kept in its chunks"
        name, values = self._shown()
        finite = values[np.isfinite(values)]
        span = f"{number(finite.min())} to {number(finite.max())}" if finite.size else "not finite"
        centre = number(float(values[self._centre()]))
        return f"{self._points()}, {name} {centre} at the centre, {span}"

    def _points(self) -> str:
        axes = [self[name] for name in ("alphas", "betas") if name in self]
        size = " × ".join(str(len(axis)) for axis in axes)
        low, high = min(axis.min() for axis in axes), max(axis.max() for axis in axes)
        return f"{size} points in [{low:g}, {high:g}]"

    def _centre(self) -> tuple[int, ...]:
        axes = [self[name] for name in ("alphas", "betas") if name in self]
        return tuple(int(np.abs(axis).argmin()) for axis in axes)

    def _frame(self, columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415  (is slow)

        names = [name for name in ("alphas", "betas") if name in self]
        axes = np.meshgrid(*(self[name] for name in names), indexing="ij")
        coordinates = {
            name.removesuffix("s"): axis.ravel() for name, axis in zip(names, axes, strict=True)
        }
        return pd.DataFrame(coordinates | {name: c.ravel() for name, c in columns.items()})


def number(value: float) -> str:
    """Return a number with four significant digits."""
    return f"{value:.4g}"
