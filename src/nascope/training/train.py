"""The training loop, visible from top to bottom.

Epoch e draws everything from a generator seeded by (seed, e), and its learning rate is a function
of e: a resume needs the weights and the momentum, and no generator's state.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope.cells.genotype import Genotype, to_dict
from nascope.data.augment import Augmentation, Images, draw_epoch
from nascope.data.datasets import DataSet, ImageSet
from nascope.data.device import describe_device
from nascope.networks.network import Network
from nascope.records.identity import derived_seed, identity, non_defaults
from nascope.records.provenance import provenance
from nascope.records.read import CORRECT_KEY, EpochRecord
from nascope.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nascope.training.recipe import Recipe

logger = logging.getLogger(__name__)

EVALUATION_BATCH = 250  # fixed: per-image results may depend on it in the last bit

Progress = Callable[[float, str], None]
"""Called with the share done, in [0, 1], and a few words on the state."""


def training_identity(genotype: Genotype, data: DataSet, recipe: Recipe, seed: int) -> str:
    """Names what a training yields: the literal genotype counts, not its name."""
    return identity(
        "training",
        {
            "genotype": to_dict(genotype),
            "data": data.digest,
            "mirrors": data.mirrors,
            "normalisation": [data.mean, data.std],
            "recipe": non_defaults(recipe),
            "seed": seed,
        },
    )


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
    progress: Progress | None = None,
) -> Checkpoint:
    """Train a network, or go on training it from its checkpoint.

    Each epoch ends with a checkpoint. Where the loss or the weights are no longer finite, the
    record says "diverged at epoch e" and training ends: a result, not an error.

    Args:
        seed: determines weights, order and augmentation.
        path: the checkpoint's file; one of the same training is taken up where it ends.
        previous: where the checkpoint before is kept.
        device: "cpu", "cuda", "mps", …
        progress: called during training.

    Raises:
        CheckpointError: the file at ``path`` belongs to another training, or is damaged and no
            earlier one is there.
    """
    device = torch.device(device)
    name = training_identity(genotype, data, recipe, seed)
    network = build_network(genotype, recipe, data.summary(), seed=seed).to(device)
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
    epochs: list[EpochRecord] = []
    started = _resume(path, previous, name, network, optimizer)
    if started is not None:
        if started.records["finished"]:
            return started
        epochs = [EpochRecord(**epoch) for epoch in started.records["epochs"]]

    augmentation = recipe.augmentation(data)
    batches = _Batches(
        images=_images(data, data.train, device, augmentation.padding),
        labels=_labels(data.train, device),
        augmentation=augmentation,
    )
    held_out = {
        split: (_images(data, part, device), _labels(part, device))
        for split, part in (("test", data.test), ("validation", data.validation))
        if part is not None
    }

    def report(share: float) -> None:
        if progress is not None:
            accuracy = f", test accuracy {epochs[-1].test_accuracy:.1%}" if epochs else ""
            done = len(epochs) + share
            progress(done / recipe.epochs, f"epoch {math.ceil(done)}/{recipe.epochs}{accuracy}")

    while True:
        epoch = len(epochs)
        before = time.perf_counter()
        logger.info("epoch %d of %d: training", epoch + 1, recipe.epochs)
        losses, hits = _train_epoch(
            network, optimizer, batches, recipe=recipe, seed=seed, epoch=epoch, report=report
        )
        test_loss, test_accuracy, correct = evaluate(network, *held_out["test"])
        validation = evaluate(network, *held_out["validation"]) if data.validation else None
        record = EpochRecord(
            epoch=epoch + 1,
            learning_rate=recipe.learning_rate_at(epoch),
            train_loss=float(losses.sum() / len(data.train)),
            train_accuracy=float(hits.sum() / len(data.train)),
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            seconds=time.perf_counter() - before,
            validation_loss=validation[0] if validation else None,
            validation_accuracy=validation[1] if validation else None,
        )
        epochs.append(record)
        diverged = not (math.isfinite(record.train_loss) and _weights_finite(network))
        checkpoint = Checkpoint(
            tensors=_state(network, optimizer) | {CORRECT_KEY: correct.to(torch.uint8)},
            records={
                "identity": name,
                "genotype": to_dict(genotype),
                "name": genotype.name,
                "recipe": dataclasses.asdict(recipe),
                "seed": seed,
                "data": data.summary(),
                "epochs": [dataclasses.asdict(record) for record in epochs],
                "diverged_at": epoch + 1 if diverged else None,
                "finished": diverged or len(epochs) == recipe.epochs,
                "provenance": provenance(
                    device=describe_device(device),
                    threads=torch.get_num_threads(),
                    parameters=sum(parameter.numel() for parameter in network.parameters()),
                    seconds=sum(record.seconds for record in epochs),
                ),
            },
        )
        logger.info("epoch %d of %d: writing the checkpoint", epoch + 1, recipe.epochs)
        save_checkpoint(path, checkpoint, previous=previous)
        logger.info(
            "epoch %d of %d: done, training loss %.4f, test loss %.4f, test accuracy %.4f%s",
            epoch + 1,
            recipe.epochs,
            record.train_loss,
            record.test_loss,
            record.test_accuracy,
            ", diverged" if diverged else "",
        )
        report(0.0)
        if checkpoint.records["finished"]:
            return checkpoint


@dataclasses.dataclass(frozen=True, eq=False)
class _Batches:
    """The training set on its device, and how its images are augmented."""

    images: Images
    labels: Tensor
    augmentation: Augmentation


def _train_epoch(
    network: Network,
    optimizer: torch.optim.Optimizer,
    batches: _Batches,
    *,
    recipe: Recipe,
    seed: int,
    epoch: int,
    report: Callable[[float], None],
) -> tuple[Tensor, Tensor]:
    """One pass over the training set; returns each step's summed loss and number of hits.

    Nothing waits for the device before the epoch's end.
    """
    n, size, device = len(batches.images), batches.images.size, batches.labels.device
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate_at(epoch)
    generator = torch.Generator().manual_seed(derived_seed("epoch", seed, epoch))
    draws = draw_epoch(n, size, batches.augmentation, generator).to(device)
    losses, hits = [], []
    network.train()
    for start in range(0, n, recipe.batch_size):
        batch = draws[start : start + recipe.batch_size]
        images = batches.images.augmented(batch, batches.augmentation)
        target = batches.labels[batch.order]  # (batch,)
        drop_path = None
        if probability := recipe.drop_path_at(epoch):
            place = derived_seed("drop path", seed, epoch, start)
            drop_path = _draw_drop_path(network, probability, len(target), place).to(device)

        logits, auxiliary = network.forward_training(images, drop_path)
        loss = functional.cross_entropy(logits, target)
        objective = loss
        if auxiliary is not None:
            extra = functional.cross_entropy(auxiliary, target)
            objective = loss + recipe.auxiliary_weight * extra
        optimizer.zero_grad(set_to_none=True)
        objective.backward()
        if recipe.gradient_clip:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient_clip)
        optimizer.step()

        losses.append(loss.detach() * len(target))
        hits.append((logits.detach().argmax(dim=1) == target).sum())
        report(min(1.0, (start + recipe.batch_size) / n) * 0.99)
    return torch.stack(losses).cpu().double(), torch.stack(hits).cpu().double()


def _draw_drop_path(network: Network, probability: float, batch: int, seed: int) -> Tensor:
    """(num_drop_paths, batch): 0 with ``probability``, else 1 / (1 − probability)."""
    generator = torch.Generator().manual_seed(seed)
    keep = torch.rand(network.num_drop_paths, batch, generator=generator) >= probability
    return keep / (1 - probability)


def evaluate(network: nn.Module, images: Images, labels: Tensor) -> tuple[float, float, Tensor]:
    """Mean loss, accuracy, and per-image correctness (n,), in evaluation mode."""
    network.eval()
    losses, hits = [], []
    with torch.inference_mode():
        for start in range(0, len(images), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            logits = network(images.plain(part))
            losses.append(functional.cross_entropy(logits, labels[part], reduction="none"))
            hits.append(logits.argmax(dim=1) == labels[part])
    loss, correct = torch.cat(losses).cpu().double().mean(), torch.cat(hits).cpu()
    return float(loss), float(correct.double().mean()), correct


def _state(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Weights and momentum under the names that a checkpoint gives them."""
    tensors = {f"model.{key}": value for key, value in network.state_dict().items()}
    for key, parameter in network.named_parameters():
        buffer = optimizer.state[parameter].get("momentum_buffer")
        if buffer is not None:  # a dead node's weights never get a gradient
            tensors[f"momentum.{key}"] = buffer
    return tensors


def _resume(
    path: Path,
    previous: Path | None,
    name: str,
    network: Network,
    optimizer: torch.optim.Optimizer,
) -> Checkpoint | None:
    """Load the state of the same training, if there is one."""
    if not path.exists() and not (previous is not None and previous.exists()):
        return None
    checkpoint = load_checkpoint(path, previous=previous, identity=name)
    network.load_state_dict(checkpoint.part("model"))
    momentum = checkpoint.part("momentum")
    for key, parameter in network.named_parameters():
        if key in momentum:
            buffer = torch.empty_like(parameter).copy_(momentum[key])
            optimizer.state[parameter]["momentum_buffer"] = buffer
    return checkpoint


def _images(data: DataSet, part: ImageSet, device: torch.device, padding: int = 0) -> Images:
    return Images(part.images, data.mean, data.std, device=device, padding=padding)


def _labels(part: ImageSet, device: torch.device) -> Tensor:
    return torch.from_numpy(part.labels).to(device)


def _weights_finite(network: nn.Module) -> bool:
    checks = [torch.isfinite(parameter).all() for parameter in network.parameters()]
    return bool(torch.stack(checks).all())
