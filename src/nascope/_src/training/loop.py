"""The training loop, from top to bottom.

Epoch e draws everything from a generator seeded with (seed, e), and its learning rate is a
function of e. To resume, a training needs its weights, its momentum and the number of steps done,
but no generator's state.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.cells.genotype import Genotype
from nascope._src.data.datasets import DataSet
from nascope._src.networks.network import Network
from nascope._src.records.identity import derived_seed
from nascope._src.records.provenance import make_provenance
from nascope._src.records.read import CurvePoint
from nascope._src.runtime.devices import describe_device
from nascope._src.runtime.types import Progress
from nascope._src.training.batches import Batches, HeldOut, held_out_images
from nascope._src.training.build import build_network, describe_training
from nascope._src.training.checkpoint import Checkpoint
from nascope._src.training.compiling import Compiled
from nascope._src.training.evaluation import TOP, Evaluation, evaluate, ranks
from nascope._src.training.files import Snapshots, TrainingFiles
from nascope._src.training.precision import arithmetic, autocast
from nascope._src.training.recipe import Recipe, training_identity
from nascope._src.training.state import Mark, TrainingState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Training:
    """A network to train, and how.

    Args:
        genotype: Its cells.
        data: The data set.
        recipe: Size of the network, SGD and augmentation.
        seed: Random seed of weights, order and augmentation.
        device: The device to train on.
        checkpoint_seconds: Time between two checkpoints within an epoch. It changes no number.
        progress: Called during training.
    """

    genotype: Genotype
    data: DataSet
    recipe: Recipe
    seed: int
    device: torch.device
    checkpoint_seconds: float = 60.0
    progress: Progress | None = None

    @property
    def identity(self) -> str:
        """The hash of everything that determines the result."""
        return training_identity(self.genotype, self.data, self.recipe, self.seed)


def run_epochs(
    training: Training,
    files: TrainingFiles,
    snapshots: Snapshots,
    *,
    resume: Checkpoint | None = None,
    until: float = math.inf,
) -> Checkpoint:
    """Train to the end, or until a number of passes over the training set.

    Args:
        training: The network to train, and how.
        files: Where its checkpoint is stored.
        snapshots: The moments whose weights are kept.
        resume: The checkpoint to resume.
        until: Passes over the training set after which to stop.

    Returns:
        The last checkpoint.
    """
    data, recipe, seed = training.data, training.recipe, training.seed
    device = training.device
    network = build_network(training.genotype, recipe, data.summary(), seed=seed).to(device)
    state = TrainingState(network, recipe, images=len(data.train))
    if resume is not None:
        state.restore(resume)
    batches, held_out = Batches(data, recipe, seed, device), held_out_images(data, device)
    forward = Compiled(network.forward_training) if recipe.compile else network.forward_training

    def report() -> None:
        if training.progress is not None:
            training.progress(state.passes / min(recipe.epochs, until), state.words())

    def save() -> Checkpoint:
        logger.info("%s: writing the checkpoint", state.place())
        compile_seconds = forward.seconds if isinstance(forward, Compiled) else None
        records = {
            "identity": training.identity,
            **describe_training(training.genotype, data, recipe, seed),
            **state.records(),
            "provenance": _provenance(state, device, compile_seconds),
        }
        checkpoint = Checkpoint(state.tensors(), records)
        snapshots.save(checkpoint, state)
        files.save(checkpoint)
        return checkpoint

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
                    if state.epoch == epoch and snapshots.due(state):
                        checkpoint = save()
                        state.lap()
                        if state.passes >= until:
                            return checkpoint
                elif time.monotonic() - saved >= training.checkpoint_seconds:
                    state.here.training += state.lap()
                    save()
                    saved, _ = time.monotonic(), state.lap()
                report()
            checkpoint = save()
            logger.info("epoch %d of %d: done, %s", state.epoch, recipe.epochs, state.summary())
            report()
            if state.finished or state.passes >= until:
                return checkpoint


def _step(
    state: TrainingState,
    forward: Callable[..., tuple[Tensor, Tensor | None]],
    images: Tensor,
    target: Tensor,
    *,
    seed: int,
) -> None:
    """Take one step of SGD and log it. Nothing waits for the device."""
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
        rank = ranks(logits, target)
        logged = [loss * len(target), (rank == 0).sum(), (rank < TOP).sum(), norm]
        state.log[:, state.here.step] = torch.stack(logged)
    state.here.step += 1


def _draw_drop_path(state: TrainingState, batch: int, seed: int) -> Tensor | None:
    """(edges, batch): 0 with the epoch's probability p, else 1 / (1 − p); None if p is 0."""
    probability = state.recipe.drop_path_at(state.epoch)
    if not probability:
        return None
    start = state.here.step * state.recipe.batch_size
    generator = torch.Generator().manual_seed(derived_seed("drop path", seed, state.epoch, start))
    drawn = torch.rand(state.network.num_drop_paths, batch, generator=generator)
    return ((drawn >= probability) / (1 - probability)).to(state.log.device)


def _add_points(state: TrainingState, held_out: HeldOut) -> None:
    """Evaluate, and add an early point of the curves, the epoch's last point, or both."""
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
    """A point of the curves: training figures since a mark, the others at this step."""
    recipe, here = state.recipe, state.here
    log = state.log[:, since.step : here.step].cpu().double()
    images = min(here.step * recipe.batch_size, state.images) - since.step * recipe.batch_size
    loss, hits, top5, norm = log.sum(dim=1).tolist()
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


def time_steps(
    network: Network, data: DataSet, recipe: Recipe, *, device: torch.device, seconds: float
) -> float:
    """Return the training time per image in seconds, measured on at least two steps.

    The network's weights change.

    Args:
        network: The network, on the device.
        data: The data set.
        recipe: How to train.
        device: The device to train on.
        seconds: Time that the measurement takes at least.
    """
    state = TrainingState(network, recipe, images=len(data.train))
    batches = Batches(data, recipe, 0, device)
    count = 0
    with arithmetic(recipe.precision, device):
        state.begin_epoch()
        batches.begin(0)
        begun = time.perf_counter()
        while count < 2 or time.perf_counter() - begun < seconds:
            state.here.step = count % state.steps
            _step(state, network.forward_training, *batches.at(state.here.step), seed=0)
            if count == 0:  # warm-up
                state.log.cpu()
                begun = time.perf_counter()
            count += 1
        state.log.cpu()  # waits for the device
    elapsed = time.perf_counter() - begun
    return elapsed / ((count - 1) * min(recipe.batch_size, len(data.train)))
