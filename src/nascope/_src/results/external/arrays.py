"""Curves in a NumPy file, one row per cell and one column per epoch, next to their genotypes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nascope._src.errors import StudyError
from nascope._src.results.external.raw import Choose, RawTable
from nascope._src.runtime.input_files import read_text

_LARGEST = 500_000_000  # bytes of the list
_ENDINGS = (".txt", ".json", ".yaml", ".yml")


def read_array(path: Path, choose: Choose) -> RawTable:
    """Read curves.npy and its genotypes from curves.txt, curves.json or genotypes.txt ….

    Raises:
        StudyError: the array is not numbers in one or two dimensions, there is no list of
            genotypes, or it has another length.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise StudyError(
                f"{path}: expected an array of numbers, but it holds pickled objects. Where you "
                "trust it, save the curves alone: numpy.save('curves.npy', numpy.array(curves, "
                "dtype=float)), and the genotypes as lines of curves.txt"
            ) from None
        raise
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
        raise StudyError(
            f"{path}: expected accuracies of shape (cells, epochs), but got an array of shape "
            f"{array.shape} and type {array.dtype}"
        )
    beside = _genotype_file(path)
    genotypes = _genotypes(beside)
    if len(genotypes) != len(array):
        turned = " It seems to be transposed." if array.shape[-1] == len(genotypes) else ""
        raise StudyError(
            f"{path}: expected one row per genotype of {beside}, which has {len(genotypes)}, but "
            f"the array has the shape {array.shape}.{turned}"
        )
    curves: list[Any] = array.astype(float).tolist()
    columns = {"genotype": genotypes, "accuracy": curves}
    choose(list(columns))
    return RawTable(path, columns)


def _genotype_file(path: Path) -> Path:
    names = [
        *(path.with_suffix(ending) for ending in _ENDINGS),
        *(path.with_name(f"{path.stem}_genotypes{ending}") for ending in _ENDINGS),
        *(path.with_name(f"genotypes{ending}") for ending in _ENDINGS),
    ]
    for name in names:
        if name.is_file():
            return name
    raise StudyError(
        f"{path}: expected its genotypes, one per line, in {path.with_suffix('.txt').name} or "
        "genotypes.txt in the same folder, but found neither"
    )


def _genotypes(path: Path) -> list[Any]:
    try:
        text = read_text(path, at_most=_LARGEST)
        if path.suffix == ".txt":
            return [line.strip() for line in text.splitlines() if line.strip()]
        if path.suffix == ".json":
            value = json.loads(text)
        else:
            import yaml  # noqa: PLC0415  (slow to import)

            value = yaml.safe_load(text)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read: {error}") from None
    if not isinstance(value, list):
        raise StudyError(f"{path}: expected a list of genotypes, but got {type(value).__name__}")
    return value
