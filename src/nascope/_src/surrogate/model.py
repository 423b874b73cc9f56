"""A surrogate in ONNX: predicts the accuracy of any cell of DARTS' space after any epoch.

Its inputs are ``x_cat``, (1, 34) int32, the codes of a cell, and ``x_cont``, (1, 1) float32, the
epoch. Its first output begins with the validation accuracy in percent. It takes one cell per call.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nascope._src.cells.genotype import Genotype
from nascope._src.errors import SurrogateError
from nascope._src.runtime.input_files import read_bytes
from nascope._src.runtime.types import Progress
from nascope._src.surrogate.encoding import Encoding, read_encoding

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Array = np.ndarray

FILE = "tables/nasbench301-surrogate.onnx"
"""Where a surrogate is looked for in the data folder."""
LAST_EPOCH = 98
"""Number of epochs of NAS-Bench-301's schedule (Siems et al., 2020)."""

_LARGEST = 500_000_000  # bytes
_CHUNK = 32  # cells between two steps of progress
_SHAPES = {"x_cat": ("tensor(int32)", [1, 34]), "x_cont": ("tensor(float)", [1, 1])}


@dataclass(frozen=True)
class Predictions:
    """Predicted accuracies.

    Attributes:
        accuracies: (cells, epochs) in [0, 1].
        epochs: the epochs.
        distinct: number of different cells; equal ones are predicted once.
        seconds: how long the predictions took.
    """

    accuracies: Array
    epochs: tuple[int, ...]
    distinct: int
    seconds: float

    @property
    def seconds_per_prediction(self) -> float:
        """Mean time of one prediction, a cell at an epoch."""
        return self.seconds / max(self.distinct * len(self.epochs), 1)


class Surrogate:
    """A surrogate that is ready to predict.

    Attributes:
        path: its file.
        digest: SHA-256 of the file.
    """

    def __init__(self, path: Path, digest: str, session: InferenceSession, encoding: Encoding):
        self.path = path
        self.digest = digest
        self._session = session
        self._encoding = encoding
        self._output = [session.get_outputs()[0].name]

    def encode(self, genotype: Genotype) -> Array:
        """Return the codes of a genotype, (34,) as int32.

        Raises:
            GenotypeError: The surrogate's space does not hold it; the message names it.
        """
        return self._encoding.encode(genotype)

    def predict(
        self,
        genotypes: Sequence[Genotype],
        epochs: Sequence[int],
        *,
        workers: int = 1,
        progress: Progress | None = None,
    ) -> Predictions:
        """Predict the accuracy of each cell after each epoch.

        Args:
            genotypes: the cells.
            epochs: the epochs, 1 to 98.
            workers: number of threads.
            progress: called after every few cells.

        Raises:
            GenotypeError: The surrogate's space does not hold a cell; the message names it.
            SurrogateError: An epoch is outside 1 to 98, or a prediction is no accuracy.
        """
        checked = check_epochs(epochs)
        if not genotypes:
            return Predictions(np.empty((0, len(checked))), checked, 0, 0.0)
        codes = np.stack([self.encode(genotype) for genotype in genotypes])  # (cells, 34)
        start = time.perf_counter()
        unique, places = np.unique(codes, axis=0, return_inverse=True)
        percent = self._run(unique, checked, workers, progress)[places.ravel()]
        seconds = time.perf_counter() - start
        sound = (percent >= 0) & (percent <= 100)
        if not sound.all():
            cell, epoch = np.argwhere(~sound)[0]
            raise SurrogateError(
                f"{self.path}: expected accuracies from 0 to 100 %, but {genotypes[cell].name} at "
                f"epoch {checked[epoch]} gets {percent[cell, epoch]:g}"
            )
        return Predictions(percent / 100, checked, len(unique), seconds)

    def _run(
        self, codes: Array, epochs: tuple[int, ...], workers: int, progress: Progress | None
    ) -> Array:
        """Return the accuracies of cells in percent, (cells, epochs)."""
        times = [np.array([[epoch]], np.float32) for epoch in epochs]
        percent = np.empty((len(codes), len(epochs)))

        def work(start: int) -> int:
            for row in range(start, min(start + _CHUNK, len(codes))):
                cell = codes[row : row + 1]
                for column, epoch in enumerate(times):
                    percent[row, column] = self._call(cell, epoch)
            return min(start + _CHUNK, len(codes))

        pool = ThreadPoolExecutor(max(1, workers), "nascope")
        try:
            for done in pool.map(work, range(0, len(codes), _CHUNK)):
                if progress is not None:
                    progress(done / len(codes), f"predicted {done:,} of {len(codes):,} cells")
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return percent

    def _call(self, cell: Array, epoch: Array) -> float:
        try:
            output = self._session.run(self._output, {"x_cat": cell, "x_cont": epoch})
        except Exception as error:  # onnxruntime has many kinds
            reason = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise SurrogateError(
                f"{self.path}: the model failed; do the codes belong to it? ({reason[:200]})"
            ) from None
        return float(output[0][0, 0])


def check_epochs(epochs: Sequence[int]) -> tuple[int, ...]:
    """Return epochs in increasing order, each once.

    Raises:
        SurrogateError: There are none, or one is outside 1 to 98.

    >>> check_epochs([98, 1])
    (1, 98)
    """
    outside = [epoch for epoch in epochs if not 1 <= epoch <= LAST_EPOCH]
    if outside or not epochs:
        raise SurrogateError(
            f"expected epochs from 1 to {LAST_EPOCH}, which the surrogate can predict, but got "
            f"{outside[0] if outside else 'none'}"
        )
    return tuple(sorted(set(epochs)))


def open_surrogate(
    path: Path | None = None, codes: Path | None = None, *, data_dir: str | Path | None = None
) -> Surrogate:
    """Open a surrogate.

    Args:
        path: the model in ONNX; by default `FILE` in the data folder.
        codes: the codes of its inputs; by default the JSON file of the same name next to it.
        data_dir: the data folder.

    Raises:
        SurrogateError: onnxruntime is not installed, a file is missing or damaged, or the model has
            other inputs.
    """
    if path is None:
        path = _in_data_folder(data_dir)
    try:
        content = read_bytes(path, at_most=_LARGEST)
    except OSError as error:
        raise SurrogateError(f"{path}: {error.strerror}") from None
    encoding = read_encoding(codes or path.with_suffix(".json"))
    return Surrogate(path, hashlib.sha256(content).hexdigest(), _session(path, content), encoding)


def _in_data_folder(data_dir: str | Path | None) -> Path:
    where = ""
    if data_dir is not None:
        path = Path(data_dir) / FILE
        if path.exists():
            return path
        where = f", and {path} does not exist"
    raise SurrogateError(
        f"expected a surrogate, but got none{where}: give its ONNX file with --surrogate, or put "
        f"it into the data folder as {FILE} (docs/guides/predicting.md)"
    )


def _session(path: Path, content: bytes) -> InferenceSession:
    try:
        import onnxruntime  # noqa: PLC0415  (an extra)
    except ImportError:
        raise SurrogateError(
            "Predicting needs an extra: pip install 'nascope[surrogate]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # our threads share the calls
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )  # from bytes, a model cannot refer to other files
    except Exception as error:  # onnxruntime has many kinds
        reason = (str(error).strip().splitlines() or ["damaged"])[0]
        raise SurrogateError(f"{path}: not a model in ONNX ({reason[:200]})") from None
    inputs = {item.name: (item.type, item.shape) for item in session.get_inputs()}
    shape = session.get_outputs()[0].shape
    if inputs != _SHAPES or len(shape) != 2:
        described = ", ".join(f"{name} {kind} {size}" for name, (kind, size) in inputs.items())
        raise SurrogateError(
            f"{path}: expected the inputs x_cat, int32 [1, 34], and x_cont, float [1, 1], and a "
            f"first output of two dimensions, but got {described} and {shape}"
        )
    return session
