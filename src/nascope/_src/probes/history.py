"""The weights of a training: at its beginning, at the moments that were kept, and at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nascope._src.errors import StudyError
from nascope._src.networks.network import Network
from nascope._src.records.checkpoint_files import read_header
from nascope._src.training.build import build_network, restore_network, trained_genotype
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint
from nascope._src.training.files import AGAIN
from nascope._src.training.moments import Moment, distinct_snapshots
from nascope._src.training.recipe import Recipe


@dataclass(frozen=True)
class WeightHistory:
    """A training's checkpoint and the folder of its snapshots."""

    checkpoint: Checkpoint
    snapshots: Path

    def network_at(self, at: str) -> tuple[Network, bool]:
        """Return the network at a moment, and whether the training reached that moment.

        If it did not, all weights are NaN.

        Raises:
            StudyError: The weights at that moment were not kept, or have no seed.
            CheckpointError: The snapshot is damaged, or belongs to another training.
        """
        moment, records = Moment.parse(at), self.checkpoint.records
        if moment.kind == "initialisation":
            if records["seed"] is None:
                raise StudyError("these weights were imported, so their initial values are unknown")
            genotype, recipe = trained_genotype(self.checkpoint), Recipe(**records["recipe"])
            return build_network(genotype, recipe, records["data"], seed=records["seed"]), True
        if not moment.needs_snapshot:
            return restore_network(self.checkpoint), True
        path = moment.path(self.snapshots)
        if path.exists():
            return restore_network(load_checkpoint(path, identity=records["identity"])), True
        curve = self.checkpoint.curve
        epoch = moment.place(curve)
        if records["finished"] and epoch is not None and epoch == curve[-1].epoch:
            return restore_network(self.checkpoint), True  # the moment is the end
        if epoch is not None or not records["finished"]:
            raise StudyError(
                f"the weights at {moment} were not kept ({path} is missing): train again with "
                f'--keep "{moment}"; this repeats the training only up to that moment'
            )
        network = restore_network(self.checkpoint)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(float("nan"))
        return network, False

    def kept_moments(self) -> tuple[str, ...]:
        """Return the moments whose weights were kept."""
        identity = self.checkpoint.records["identity"]
        return distinct_snapshots(
            read_header(path, identity=identity)["moment"]
            for path in self.snapshots.glob("*.safetensors")
            if path.name != AGAIN
        )

    def trajectory(self, through: Sequence[str]) -> tuple[list[dict[str, Tensor]], list[str]]:
        """Return the initial weights and those at the given moments, and all the moments.

        Moments that the training did not reach are left out.

        Raises:
            StudyError: The training reached none of them.
        """
        epochs = {text: Moment.parse(text).place(self.checkpoint.curve) for text in through}
        reached = sorted((epoch, text) for text, epoch in epochs.items() if epoch is not None)
        if not reached:
            raise StudyError(
                "a trajectory needs weights kept on the way: train with --keep, or let "
                "the study probe at such moments"
            )
        moments = ["initialisation", *(text for _, text in reached)]
        networks = [self.network_at(moment)[0] for moment in moments]
        weights = [{n: p.detach() for n, p in net.named_parameters()} for net in networks]
        return weights, moments
