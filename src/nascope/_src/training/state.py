"""The state of a training, and how a checkpoint stores it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nascope._src.networks.network import Network
from nascope._src.records.checkpoint_files import CORRECT_KEY
from nascope._src.records.read import CurvePoint
from nascope._src.training.checkpoint import Checkpoint
from nascope._src.training.moments import EARLY
from nascope._src.training.recipe import Recipe

LOGGED = ("summed loss", "hits", "hits among the top 5", "gradient norm")  # at each step


@dataclass
class Mark:
    """A point within an epoch: the number of steps done, and the seconds that they took."""

    step: int = 0
    training: float = 0.0
    evaluation: float = 0.0


class TrainingState:
    """Weights, momentum, curves, and the point within the current epoch.

    Args:
        network: The network on its device.
        recipe: The recipe of the training.
        images: Number of images in the training set.
    """

    def __init__(self, network: Network, recipe: Recipe, images: int) -> None:
        self.network = network
        self.recipe = recipe
        self.images = images
        self.steps = math.ceil(images / recipe.batch_size)  # per epoch
        self.optimizer = torch.optim.SGD(
            network.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        self.epochs: list[CurvePoint] = []
        self.early: list[CurvePoint] = []
        self.diverged_at: int | None = None
        self.correct: Tensor | None = None  # (test images,) bool, at the end of the last epoch
        self.here = Mark()
        self.mark = Mark()  # the last early point of this epoch, or its start
        self.log = torch.zeros(len(LOGGED), self.steps, device=next(network.parameters()).device)
        self._since = time.perf_counter()

    @property
    def epoch(self) -> int:
        """The current epoch, from 0; equal to the number of completed epochs."""
        return len(self.epochs)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the training diverged."""
        return self.diverged_at is not None or self.epoch == self.recipe.epochs

    @property
    def passes(self) -> float:
        """Number of passes over the training set so far."""
        return self.epoch + self.here.step / self.steps

    @property
    def newest(self) -> CurvePoint | None:
        """The newest point of the curves, if there is one."""
        points = [*self.early[-1:], *self.epochs[-1:]]  # needed at each step: no sorting
        return max(points, key=lambda point: point.epoch, default=None)

    @property
    def curve(self) -> list[CurvePoint]:
        """All points of the curves so far, early points and epochs, in order."""
        return sorted([*self.early, *self.epochs], key=lambda point: point.epoch)

    @property
    def early_steps(self) -> set[int]:
        """Steps of this epoch after which the curves have an early point."""
        return {math.ceil((place - self.epoch) * self.steps) for place in EARLY}

    @property
    def points(self) -> set[int]:
        """Steps of this epoch after which the curves have a point."""
        return self.early_steps | {self.steps}

    def begin_epoch(self) -> None:
        """Set the mode and the epoch's learning rate, and start the clock."""
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate_at(self.epoch)
        self.lap()

    def end_epoch(self, point: CurvePoint) -> None:
        """Add the epoch's point, move on to the next epoch, and note if the training diverged.

        It has if the training loss, a weight or a running statistic is no longer finite, or, at the
        end, the loss on held-out images.
        """
        self.epochs.append(point)
        self.here, self.mark = Mark(), Mark()
        tested = [] if self.epoch < self.recipe.epochs else [point.test_loss, point.validation_loss]
        losses = [loss for loss in (point.train_loss, *tested) if loss is not None]
        if not (all(map(math.isfinite, losses)) and _finite(self.network)):
            self.diverged_at = self.epoch

    def words(self) -> str:
        """Return the epoch and the test accuracy in a few words."""
        accuracy = f", test accuracy {self.newest.test_accuracy:.1%}" if self.newest else ""
        return f"epoch {min(self.epoch + 1, self.recipe.epochs)}/{self.recipe.epochs}{accuracy}"

    def place(self) -> str:
        """Return the epoch and the step, for the log."""
        within = f", step {self.here.step}" if self.here.step else ""
        return f"epoch {self.epoch + bool(within)} of {self.recipe.epochs}{within}"

    def summary(self) -> str:
        """Return the numbers of the last epoch, for the log."""
        last = self.epochs[-1]
        words = (
            f"training loss {last.train_loss:.4f}, test loss {last.test_loss:.4f}, "
            f"test accuracy {last.test_accuracy:.4f}, {last.images_per_second:.0f} images/s"
        )
        return f"{words}, diverged" if self.diverged_at is not None else words

    def lap(self) -> float:
        """Return the seconds since the last call."""
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        return seconds

    def tensors(self) -> dict[str, Tensor]:
        """Return weights, momentum and the current epoch's log, by their names in a checkpoint."""
        tensors = {f"model.{key}": value for key, value in self.network.state_dict().items()}
        for key, parameter in self.network.named_parameters():
            buffer = self.optimizer.state[parameter].get("momentum_buffer")
            if buffer is not None:  # weights of a dead node never get a gradient
                tensors[f"momentum.{key}"] = buffer
        if self.here.step:
            tensors["epoch.log"] = self.log[:, : self.here.step]
        if self.correct is not None:
            tensors[CORRECT_KEY] = self.correct.to(torch.uint8)
        return tensors

    def records(self) -> dict[str, Any]:
        """Return the rest of the state as plain data."""
        return {
            "epochs": [dataclasses.asdict(point) for point in self.epochs],
            "early": [dataclasses.asdict(point) for point in self.early],
            "diverged_at": self.diverged_at,
            "finished": self.finished,
            "here": dataclasses.asdict(self.here),
            "mark": dataclasses.asdict(self.mark),
        }

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the state from a checkpoint of the same training."""
        records: Mapping[str, Any] = checkpoint.records
        self.network.load_state_dict(checkpoint.part("model"))
        momentum = checkpoint.part("momentum")
        for key, parameter in self.network.named_parameters():
            if key in momentum:
                buffer = torch.empty_like(parameter).copy_(momentum[key])
                self.optimizer.state[parameter]["momentum_buffer"] = buffer
        self.epochs = [CurvePoint(**point) for point in records["epochs"]]
        self.early = [CurvePoint(**point) for point in records["early"]]
        self.here, self.mark = Mark(**records["here"]), Mark(**records["mark"])
        if self.here.step:
            self.log[:, : self.here.step] = checkpoint.tensors["epoch.log"]
        if CORRECT_KEY in checkpoint.tensors:
            self.correct = checkpoint.tensors[CORRECT_KEY].bool()


def _finite(network: nn.Module) -> bool:
    tensors = [*network.parameters(), *network.buffers()]
    checks = [torch.isfinite(tensor).all() for tensor in tensors]
    return bool(torch.stack(checks).all())
