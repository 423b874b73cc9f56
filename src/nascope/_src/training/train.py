"""The training loop, visible from top to bottom.

Epoch e draws everything from a generator seeded by (seed, e), and its learning rate is a function
of e: a resume needs the weights, the momentum and the number of steps done, and no generator's
state.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.data.augmentation import Images, draw_epoch, on_device
from nascope._src.data.datasets import DataSet
from nascope._src.errors import CheckpointError
from nascope._src.networks.network import Network
from nascope._src.records.identity import derived_seed
from nascope._src.records.provenance import make_provenance
from nascope._src.records.read import CurvePoint
from nascope._src.runtime.devices import describe_device
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nascope._src.training.compiling import Compiled
from nascope._src.training.evaluation import TOP, Evaluation, evaluate, ranks
from nascope._src.training.moments import Moment
from nascope._src.training.precision import arithmetic, autocast
from nascope._src.training.recipe import Recipe, training_identity
from nascope._src.training.state import Mark, TrainingState

logger = logging.getLogger(__name__)

HeldOut = Mapping[str, tuple[Images, Tensor]]
"""Images and labels on their device, of "test" and "validation"."""

AGAIN = "again.safetensors"
"""Among the snapshots, the checkpoint of a training that is repeated for those that are missing."""

Progress = Callable[[float, str], None]
"""Called with the share done, in [0, 1], and a few words on the state."""


def what_was_trained(
    genotype: Genotype, data: DataSet, recipe: Recipe, seed: int | None
) -> dict[str, Any]:
    """The records from which a checkpoint's network and data can be built again."""
    return {
        "genotype": to_dict(genotype),
        "name": genotype.name,
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "data": data.summary(),
    }


def build_network(
    genotype: Genotype, recipe: Recipe, data: Mapping[str, Any], *, seed: int
) -> Network:
    """The untrained network, on the CPU, its weights drawn from ``seed``.

    Args:
        data: a data set's summary: classes, image_channels and image_size are used.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed("weights", seed))
        network = Network(
            genotype,
            channels=recipe.channels,
            layers=recipe.layers,
            classes=data["classes"],
            image_channels=data["image_channels"],
            image_size=data["image_size"],
            auxiliary=recipe.auxiliary_weight > 0,
        )
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def train(
    genotype: Genotype,
    data: DataSet,
    recipe: Recipe,
    *,
    seed: int,
    path: Path,
    previous: Path | None = None,
    device: str | torch.device = "cpu",
    keep: Sequence[Moment] = (),
    snapshots: Path | None = None,
    checkpoint_seconds: float = 60.0,
    progress: Progress | None = None,
    places: Mapping[Moment, float] | None = None,
) -> Checkpoint:
    """Train a network, or go on training it from its checkpoint.

    Each epoch ends with a checkpoint, and a long one has some within. Where the loss or the
    weights are no longer finite, the record says "diverged at epoch e" and training ends: a
    result, not an error.

    Args:
        seed: determines weights, order and augmentation.
        path: the checkpoint's file; one of the same training is taken up where it ends.
        previous: where the checkpoint before is kept.
        device: "cpu", "cuda", "mps", …
        keep: moments whose weights are kept in ``snapshots``. Those of a training that is past
            one already are found by training again up to there, which gives the same weights.
        snapshots: the folder; by default beside the checkpoint, see `snapshots_of`.
        checkpoint_seconds: between two checkpoints within an epoch. It changes no number.
        progress: called during training.
        places: of ``keep`` in the training that this one repeats, in passes over the training set,
            up to the last: with other rounding a loss may be reached elsewhere.

    Raises:
        CheckpointError: the file at ``path`` belongs to another training, or is damaged and no
            earlier one is there.
        StudyError: the device lacks the recipe's precision, or the network can't be compiled.
    """
    device = torch.device(device)
    name = training_identity(genotype, data, recipe, seed)
    files = _Files(path, previous, snapshots or snapshots_of(path), keep, places or {})
    until = max(places.values()) if places else math.inf
    found = None
    if path.exists() or (previous is not None and previous.exists()):
        found = load_checkpoint(path, previous=previous, identity=name)
        if places is None:  # else this is a repeated training itself
            repeat = functools.partial(
                train,
                genotype,
                data,
                recipe,
                seed=seed,
                device=device,
                snapshots=files.snapshots,
                checkpoint_seconds=checkpoint_seconds,
                progress=progress,
            )
            _find_missing(files, found, repeat)
        if found.records["finished"]:
            return found
    network = build_network(genotype, recipe, data.summary(), seed=seed).to(device)
    state = TrainingState(network, recipe, images=len(data.train))
    if found is not None:
        state.restore(found)
    batches, held_out = _Batches(data, recipe, seed, device), _held_out(data, device)
    forward = Compiled(network.forward_training) if recipe.compile else network.forward_training

    def report() -> None:
        if progress is not None:
            progress(state.passes / min(recipe.epochs, until), state.words())

    def save() -> Checkpoint:
        logger.info("%s: writing the checkpoint", state.place())
        compile_seconds = forward.seconds if isinstance(forward, Compiled) else None
        records = {
            "identity": name,
            **what_was_trained(genotype, data, recipe, seed),
            **state.records(),
            "provenance": _provenance(state, device, compile_seconds),
        }
        return files.save(Checkpoint(state.tensors(), records), state)

    report()
    with arithmetic(recipe.precision, device):
        while True:
            logger.info("epoch %d of %d: training", state.epoch + 1, recipe.epochs)
            state.begin_epoch()
            batches.begin(state.epoch)
            saved, epoch = time.monotonic(), state.epoch
            while state.epoch == epoch:
                _step(state, forward, *batches.at(state.here.step), seed=seed)
                if state.here.step in state.points:
                    _add_points(state, held_out)
                    if state.epoch == epoch and files.wanted(state):
                        checkpoint = save()
                        state.lap()
                        if state.passes >= until:
                            return checkpoint
                elif time.monotonic() - saved >= checkpoint_seconds:
                    state.here.training += state.lap()
                    save()
                    saved, _ = time.monotonic(), state.lap()
                report()
            checkpoint = save()
            logger.info("epoch %d of %d: done, %s", state.epoch, recipe.epochs, state.summary())
            report()
            if state.finished or state.passes >= until:
                return checkpoint


def time_steps(
    network: Network, data: DataSet, recipe: Recipe, *, device: torch.device, seconds: float
) -> float:
    """Seconds of training an image, over so many seconds of steps and at least two; the network's
    weights change."""
    state = TrainingState(network, recipe, images=len(data.train))
    batches = _Batches(data, recipe, 0, device)
    count = 0
    with arithmetic(recipe.precision, device):
        state.begin_epoch()
        batches.begin(0)
        begun = time.perf_counter()
        while count < 2 or time.perf_counter() - begun < seconds:
            state.here.step = count % state.steps
            _step(state, network.forward_training, *batches.at(state.here.step), seed=0)
            if count == 0:  # to warm up
                state.log.cpu()
                begun = time.perf_counter()
            count += 1
        state.log.cpu()  # waits for the device
    spent = time.perf_counter() - begun
    return spent / ((count - 1) * min(recipe.batch_size, len(data.train)))


def snapshots_of(path: Path) -> Path:
    """The folder of a checkpoint's snapshots, beside it."""
    return path.with_name(f"{path.stem}-snapshots")


class _Files:
    """Where a training's checkpoint and snapshots go."""

    def __init__(
        self,
        path: Path,
        previous: Path | None,
        snapshots: Path,
        keep: Sequence[Moment],
        places: Mapping[Moment, float],
    ) -> None:
        self.path, self.previous, self.snapshots = path, previous, snapshots
        self.keep = [moment for moment in keep if moment.needs_snapshot]
        self.places = places

    def wanted(self, state: TrainingState) -> list[Moment]:
        """Moments that have come just now."""
        return [
            moment
            for moment in self.keep
            if self.places.get(moment, moment.place(state.curve)) == state.passes
        ]

    def save(self, checkpoint: Checkpoint, state: TrainingState) -> Checkpoint:
        """Write the snapshots of this moment, then the checkpoint that is past it."""
        for moment in self.wanted(state):
            path = moment.path(self.snapshots)
            save_checkpoint(path, checkpoint.weights_only(str(moment)))
        save_checkpoint(self.path, checkpoint, previous=self.previous)
        return checkpoint

    def missing(self, found: Checkpoint) -> dict[Moment, float]:
        """Moments that a training has passed without a sound snapshot, and their places."""
        missing = {}
        for moment in self.keep:
            place = moment.place(found.curve)
            if place is None:
                continue
            try:
                load_checkpoint(moment.path(self.snapshots), identity=found.records["identity"])
            except CheckpointError:
                missing[moment] = place
        return missing


def _find_missing(files: _Files, found: Checkpoint, repeat: Callable[..., object]) -> None:
    """Repeat a training up to the last moment whose weights are missing, where one is."""
    again = files.snapshots / AGAIN
    if lost := files.missing(found):
        _discard_unless_before(again, found.records["identity"], min(lost.values()))
        repeat(path=again, keep=list(lost), places=lost)
    again.unlink(missing_ok=True)


def _discard_unless_before(again: Path, identity: str, place: float) -> None:
    """Remove a repeated training that is at a place already or past it, or can't be taken up."""
    try:
        curve = load_checkpoint(again, identity=identity).curve
        if curve and curve[-1].epoch >= place:
            again.unlink()
    except CheckpointError:
        again.unlink(missing_ok=True)


def _held_out(data: DataSet, device: torch.device) -> HeldOut:
    return {
        split: on_device(part, data, device)
        for split, part in (("test", data.test), ("validation", data.validation))
        if part is not None
    }


def _provenance(
    state: TrainingState, device: torch.device, compile_seconds: float | None
) -> dict[str, Any]:
    return make_provenance(
        device=describe_device(device),
        threads=torch.get_num_threads(),
        parameters=sum(parameter.numel() for parameter in state.network.parameters()),
        seconds=math.fsum(epoch.seconds for epoch in state.epochs),
        compile_seconds=compile_seconds,
    )


def _step(
    state: TrainingState,
    forward: Callable[..., tuple[Tensor, Tensor | None]],
    images: Tensor,
    target: Tensor,
    *,
    seed: int,
) -> None:
    """One step of SGD, and what is logged of it. Nothing waits for the device."""
    recipe = state.recipe
    drop_path = _draw_drop_path(state, len(target), seed)
    with autocast(recipe.precision, images.device):
        logits, auxiliary = forward(images, drop_path)
        loss = functional.cross_entropy(logits, target)
        objective = loss
        if auxiliary is not None:
            extra = functional.cross_entropy(auxiliary, target)
            objective = loss + recipe.auxiliary_weight * extra
    state.optimizer.zero_grad(set_to_none=True)
    objective.backward()
    gradients = [p.grad for p in state.network.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    if recipe.gradient_clip:
        nn.utils.clip_grads_with_norm_(state.network.parameters(), recipe.gradient_clip, norm)
    state.optimizer.step()
    with torch.no_grad():
        place = ranks(logits, target)
        logged = [loss * len(target), (place == 0).sum(), (place < TOP).sum(), norm]
        state.log[:, state.here.step] = torch.stack(logged)
    state.here.step += 1


def _draw_drop_path(state: TrainingState, batch: int, seed: int) -> Tensor | None:
    """(edges, batch): 0 with the epoch's probability p, else 1 / (1 − p); None where p is 0."""
    probability = state.recipe.drop_path_at(state.epoch)
    if not probability:
        return None
    start = state.here.step * state.recipe.batch_size
    place = derived_seed("drop path", seed, state.epoch, start)
    generator = torch.Generator().manual_seed(place)
    drawn = torch.rand(state.network.num_drop_paths, batch, generator=generator)
    return ((drawn >= probability) / (1 - probability)).to(state.log.device)


def _add_points(state: TrainingState, held_out: HeldOut) -> None:
    """Evaluate here; add an early point of the curves, end the epoch with its own, or both."""
    state.log[:, : state.here.step].cpu()  # waits for the device, so that the clock is right
    state.here.training += state.lap()
    tested = {
        split: evaluate(state.network, images, labels, precision=state.recipe.precision)
        for split, (images, labels) in held_out.items()
    }
    state.here.evaluation += state.lap()
    if state.here.step in state.early_steps:
        state.early.append(_point(state, state.mark, tested))
        state.mark = dataclasses.replace(state.here)
    if state.here.step == state.steps:
        state.correct = tested["test"].correct
        state.end_epoch(_point(state, Mark(), tested))


def _point(state: TrainingState, since: Mark, tested: Mapping[str, Evaluation]) -> CurvePoint:
    """A point of the curves: training figures from a mark to here, the others taken here."""
    recipe, here = state.recipe, state.here
    stretch = state.log[:, since.step : here.step].cpu().double()
    images = min(here.step * recipe.batch_size, state.images) - since.step * recipe.batch_size
    loss, hits, top5, norm = stretch.sum(dim=1).tolist()
    training = here.training - since.training
    validation = tested.get("validation")
    return CurvePoint(
        epoch=state.passes,
        learning_rate=recipe.learning_rate_at(state.epoch),
        train_loss=loss / images,
        train_accuracy=hits / images,
        train_top5=top5 / images,
        test_loss=tested["test"].loss,
        test_accuracy=tested["test"].accuracy,
        test_top5=tested["test"].top5,
        gradient_norm=norm / (here.step - since.step),
        seconds=training + here.evaluation - since.evaluation,
        images_per_second=images / training,
        validation_loss=validation.loss if validation else None,
        validation_accuracy=validation.accuracy if validation else None,
        validation_top5=validation.top5 if validation else None,
    )


class _Batches:
    """The training set on its device, augmented batch by batch as the current epoch drew it."""

    def __init__(self, data: DataSet, recipe: Recipe, seed: int, device: torch.device) -> None:
        self._augmentation = recipe.augmentation(data)
        padding = self._augmentation.padding
        self._images, self._labels = on_device(data.train, data, device, padding=padding)
        self._batch_size, self._seed, self._device = recipe.batch_size, seed, device

    def begin(self, epoch: int) -> None:
        """Draw an epoch's order and augmentation."""
        generator = torch.Generator().manual_seed(derived_seed("epoch", self._seed, epoch))
        n, size = len(self._images), self._images.size
        self._draws = draw_epoch(n, size, self._augmentation, generator).to(self._device)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (batch, channels, height, width) and labels (batch,)."""
        start = step * self._batch_size
        drawn = self._draws[start : start + self._batch_size]
        return self._images.augmented(drawn, self._augmentation), self._labels[drawn.order]
