"""A trained network: its curve, its evaluation, its files."""

from __future__ import annotations

import functools
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nascope._src import schema
from nascope._src.api.documented import takes_settings
from nascope._src.api.pictures import as_png, figure_of
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.resolve import as_genotype
from nascope._src.data.augmentation import on_device
from nascope._src.data.datasets import DataSet
from nascope._src.data.request import DataRequest
from nascope._src.errors import StudyError
from nascope._src.networks.network import Network
from nascope._src.probes.checkpoint import make_risk
from nascope._src.probes.history import WeightHistory
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import LandscapeSettings
from nascope._src.records.read import TrainingRecord, training_record
from nascope._src.runtime.devices import choose_device
from nascope._src.runtime.progress import job
from nascope._src.study.scales import find_scale
from nascope._src.training.build import load_trained, trained_genotype
from nascope._src.training.checkpoint import Checkpoint, save_checkpoint
from nascope._src.training.evaluation import Evaluation, evaluate
from nascope._src.training.files import AGAIN, TrainingFiles, snapshot_folder
from nascope._src.training.moments import Moment
from nascope._src.training.recipe import Recipe
from nascope._src.training.train import train_network
from nascope._src.training.trained import load_training_data

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nascope._src.report.figures.style import Drawing


class Trained:
    """A trained network, as `train` returns it and `load` reads it.

    Args:
        history: The network's checkpoint, and the weights that were kept on the way.
        data: The data set that it was trained on; by default loaded when it is needed.
        data_dir: The data folder.
    """

    def __init__(
        self,
        history: WeightHistory,
        *,
        data: DataSet | None = None,
        data_dir: str | Path | None = None,
    ) -> None:
        self._history = history
        self._data = data
        self._data_dir = str(data_dir) if data_dir is not None else None

    def __repr__(self) -> str:
        where = f"{self.name} on {self.checkpoint.records['data']['name']}"
        last = self.record.last
        if last is None:
            return f"Trained({where}, imported)"
        state = f"{last.epoch:g} epoch{'' if last.epoch == 1 else 's'}"
        if self.record.diverged_at is not None:
            state = f"diverged after {state}"
        return (
            f"Trained({where}, seed {self.seed}: {state}, training loss {last.train_loss:.4g}, "
            f"test accuracy {last.test_accuracy:.1%})"
        )

    def _repr_png_(self) -> bytes | None:
        return as_png(self._draw()) if self.record.curve else None

    @property
    def name(self) -> str:
        """Name of the cell."""
        return self.genotype.name or "cell"

    @property
    def checkpoint(self) -> Checkpoint:
        """The weights, and the records of the training."""
        return self._history.checkpoint

    @property
    def history(self) -> WeightHistory:
        """The checkpoint, and the weights that were kept on the way."""
        return self._history

    @functools.cached_property
    def genotype(self) -> Genotype:
        """The cells of the network."""
        return trained_genotype(self.checkpoint)

    @property
    def recipe(self) -> Recipe:
        """How the network was built and trained."""
        return Recipe(**self.checkpoint.records["recipe"])

    @property
    def seed(self) -> int | None:
        """The random seed of the training; None for imported weights."""
        seed: int | None = self.checkpoint.records["seed"]
        return seed

    @property
    def data(self) -> DataSet:
        """The data set that the network was trained on."""
        if self._data is None:
            self._data = load_training_data(self.checkpoint, self._data_dir)
        return self._data

    @functools.cached_property
    def network(self) -> Network:
        """The trained network, on the CPU and in evaluation mode. Changing it changes no probe."""
        return self.network_at("end")

    def network_at(self, moment: str) -> Network:
        """Return the network at a moment of its training, on the CPU and in evaluation mode.

        Args:
            moment: "initialisation", "end", or one of the moments that were kept: "epoch N",
                "loss X".

        Raises:
            StudyError: The weights at that moment were not kept.
        """
        network, _ = self._history.network_at(moment)
        network.eval()
        return network

    @functools.cached_property
    def record(self) -> TrainingRecord:
        """The points of the training's curves, and whether it diverged."""
        return training_record(self.checkpoint.records)

    @property
    def curve(self) -> pd.DataFrame:
        """The training's curves: one row per point, several points within the first epochs.

        Losses are means per image in nats, accuracies are shares in [0, 1]. Training figures are
        those of the augmented images since the point before, with the weights changing; test
        figures are taken at the point. ``epoch_train_loss`` is the training loss
        of the whole epoch, at the end of each epoch; NaN elsewhere.
        """
        import pandas as pd  # noqa: PLC0415  (is slow)

        return pd.DataFrame(self.record.curve_rows, dtype=float)

    def evaluate(
        self,
        split: Literal["test", "validation", "train"] = "test",
        *,
        precision: str | None = None,
        batch_size: int | None = None,
        device: str = "auto",
    ) -> Evaluation:
        """Evaluate the network on images that are not augmented.

        Args:
            split: "test", "validation" or "train".
            precision: "float32", "tf32" or "bf16"; by default as in the training.
            batch_size: Images at once; by default as many as suit the device.
            device: "cpu", "cuda", "mps"; "auto" takes CUDA if available.

        Returns:
            ``loss`` (mean, in nats), ``accuracy`` and ``top5`` (shares in [0, 1]), and for each
            image ``losses`` (n,) and ``ranks`` (n,), the number of classes preferred to the right
            one.

        Raises:
            StudyError: There is no such split, or the device lacks the precision.
            DataError: The data set is missing.
        """
        parts = {"test": self.data.test, "validation": self.data.validation}
        parts["train"] = self.data.train
        part = parts.get(split)
        if part is None:
            there = ", ".join(name for name, images in parts.items() if images is not None)
            raise StudyError(f"expected one of the splits {there}, but got {split!r}")
        where = choose_device(device)
        network, _ = self._history.network_at("end")
        return evaluate(
            network.to(where),
            *on_device(part, self.data, where),
            precision=precision or self.recipe.precision,
            batch_size=batch_size,
        )

    def risk(self, *, device: str = "auto", **settings: Any) -> Risk:
        """Return the risk of the network, for probes with directions and grids of your own.

        Args:
            device: "cpu", "cuda", "mps"; "auto" takes CUDA if available.
            **settings: Any of ``data``, ``instances``, ``batchnorm`` and ``at``; see `landscape`.
        """
        probe = schema.replaced(LandscapeSettings(), settings, where="")
        network, _ = self._history.network_at(probe.at)
        where = choose_device(device)
        return make_risk(network.to(where), self.data, probe, where)

    def plot(self) -> Figure:
        """Return a matplotlib figure of the loss and the accuracy over the epochs."""
        return figure_of(self._draw())

    def _draw(self) -> Drawing:
        from nascope._src.report.figures.training import draw_training  # noqa: PLC0415  (is slow)

        return draw_training(self.record.curve, self.name)

    def save(self, path: str | Path) -> Path:
        """Write the checkpoint that `nascope probe` reads, and kept weights next to it.

        Args:
            path: Name of the checkpoint, such as "darts.safetensors".

        Returns:
            The path.

        Raises:
            StudyError: The folder cannot be written.
        """
        path = Path(path)
        save_checkpoint(path, self.checkpoint)
        if self._history.snapshots.is_dir():
            target = snapshot_folder(path)
            if target.resolve() != self._history.snapshots.resolve():
                ignore = shutil.ignore_patterns(AGAIN, ".*")
                shutil.copytree(self._history.snapshots, target, ignore=ignore, dirs_exist_ok=True)
        return path


@takes_settings(Recipe, unset=True)
def train(
    cell: Genotype | str,
    data: DataSet | str | None = None,
    recipe: Recipe | str = "section4",
    *,
    scale: str = "tiny",
    seed: int = 0,
    keep: Sequence[str] = (),
    path: str | Path | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    progress: bool = True,
    **settings: Any,
) -> Trained:
    """Train a network built from a cell.

    Without a path, nothing stays on disk; keep the result with `Trained.save`. With a path, the
    checkpoint is written there after each epoch, and a training that was interrupted resumes.

    Args:
        cell: A cell by name, file or text, or a `Genotype`.
        data: A data set by name: "digits", "cifar10", "cifar100", …; or one from `load_data`. By
            default the scale's.
        recipe: "section4" or "table1", the paper's recipes, at the given scale; or a `Recipe`.
        scale: "tiny" (seconds), "small" (minutes) or "paper": the size of the network, the number
            of epochs, and how many images of a data set named by ``data`` are used.
        seed: Random seed of weights, order and augmentation.
        keep: Moments whose weights are kept: "epoch N", "loss X".
        path: The checkpoint, such as "runs/darts.safetensors".
        data_dir: The data folder; by default the one that NASCOPE_DATA names.
        device: "cpu", "cuda", "mps"; "auto" takes CUDA if available.
        progress: Show a progress bar.
    {settings}

    Returns:
        The trained network. If the loss or the weights became non-finite, its record says when.

    Raises:
        NascopeError: The cell, the data set, a setting or the device is unknown, or ``path``
            belongs to another training.

    >>> train("SNAS", "digits", epochs=1, channels=2, layers=3, progress=False).curve.shape
    (4, 15)
    """
    genotype = as_genotype(cell)
    chosen_scale = find_scale(scale)
    base = recipe if isinstance(recipe, Recipe) else chosen_scale.recipe(recipe)
    given = {name: value for name, value in settings.items() if value is not None}
    chosen = schema.replaced(base, given, where="")
    if not isinstance(data, DataSet):
        at_most = (chosen_scale.train_size, chosen_scale.test_size)
        data = DataRequest(data or chosen_scale.dataset, at_most=at_most).load(data_dir)
    moments = [Moment.parse(text) for text in keep]
    if path is not None:
        files = TrainingFiles(Path(path), Path(f"{path}.previous"))
    else:
        folder = Path(tempfile.mkdtemp(prefix="nascope-"))
        files = TrainingFiles(folder / "checkpoint.safetensors")
    try:
        with job(quiet=not progress) as report:
            checkpoint = train_network(
                genotype,
                data,
                chosen,
                files,
                seed=seed,
                keep=moments,
                device=choose_device(device),
                progress=report,
            )
    finally:
        if path is None and not moments:
            shutil.rmtree(folder)
    trained = Trained(WeightHistory(checkpoint, files.snapshot_folder), data=data)
    if path is None and moments:
        weakref.finalize(trained, shutil.rmtree, folder, ignore_errors=True)
    return trained


def read_trained(path: Path, data_dir: str | Path | None = None) -> Trained:
    """Read a trained network from its checkpoint.

    Raises:
        CheckpointError: The file is missing, damaged, or not a checkpoint.
    """
    previous = path.with_name(f"{path.name}.previous")
    checkpoint = load_trained(path, previous=previous if previous.is_file() else None)
    return Trained(WeightHistory(checkpoint, snapshot_folder(path)), data_dir=data_dir)
