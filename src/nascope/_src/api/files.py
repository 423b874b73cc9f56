"""Reading what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nascope._src.api.curvatures import Curvature
from nascope._src.api.gradient_variances import GradientVariance
from nascope._src.api.landscapes import Landscape
from nascope._src.errors import StudyError
from nascope._src.records.probe_files import read_probe_file

if TYPE_CHECKING:
    from nascope._src.api.trained import Trained


def load(
    path: str | Path, *, data_dir: str | Path | None = None
) -> Trained | Landscape | GradientVariance | Curvature:
    """Read a trained network or a probe's result from its file.

    Args:
        path: A checkpoint, as `train`, `Trained.save` and ``nascope train`` write it; or the npz
            file of a probe, as its `save` and ``nascope probe`` write it.
        data_dir: The data folder, for a trained network; by default the one that NASCOPE_DATA
            names.

    Raises:
        NascopeError: The file is missing, damaged, or something else.

    >>> import nascope, tempfile
    >>> trained = nascope.train("SNAS", epochs=1, channels=2, layers=3, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nascope.load(trained.save(f"{folder}/snas.safetensors")).genotype.name
    'SNAS'
    """
    path = Path(path)
    if path.is_dir():
        raise StudyError(f"{path} is a folder: read a study with nascope.read_study")
    if path.suffix != ".npz":
        from nascope._src.api.trained import read_trained  # noqa: PLC0415  (loads torch)

        return read_trained(path, data_dir)
    record = read_probe_file(path)
    network = str(record.provenance.get("checkpoint", path.stem)).removesuffix(".safetensors")
    match record.kind:
        case "landscape":
            return Landscape(record, network)
        case "variance":
            return GradientVariance(record, network)
        case "curvature":
            return Curvature(record, network)
    raise StudyError(f"{path}: expected a landscape, variance or curvature, got {record.kind!r}")
