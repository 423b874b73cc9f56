"""Evaluating a network on a set of images: mean loss, top-1 and top-5 accuracy."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.data.augmentation import Images
from nascope._src.errors import StudyError
from nascope._src.networks.folding import folded
from nascope._src.runtime.devices import evaluation_batch
from nascope._src.training.precision import arithmetic, autocast

TOP = 5  # classes that count for top-5 accuracy


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network's results on n images.

    Args:
        losses: Cross-entropy of each image in nats, (n,) float32.
        ranks: For each image, the number of classes with a larger logit than the right one, at
            most `TOP`, (n,) int64.
    """

    losses: Tensor
    ranks: Tensor

    def __repr__(self) -> str:
        return (
            f"Evaluation({len(self.losses):,} images: loss {self.loss:.4g}, accuracy "
            f"{self.accuracy:.2%}, top 5 {self.top5:.2%})"
        )

    @property
    def loss(self) -> float:
        """Mean loss per image."""
        return float(self.losses.double().mean())

    @property
    def correct(self) -> Tensor:
        """Whether each image is classified correctly, (n,) bool."""
        return self.ranks == 0

    @property
    def accuracy(self) -> float:
        """Share of images whose class has the largest logit, in [0, 1]."""
        return float(self.correct.double().mean())

    @property
    def top5(self) -> float:
        """Share of images whose class has one of the five largest logits, in [0, 1]."""
        return float((self.ranks < TOP).double().mean())


def ranks(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the rank of the right class among the TOP largest logits, from 0; else TOP. (batch,)

    It is TOP also if a logit is NaN, which has no order.

    >>> ranks(torch.tensor([[0.1, 0.9], [0.1, 0.9]]), torch.tensor([1, 0])).tolist()
    [0, 1]
    """
    count = min(TOP, logits.shape[1])
    hits = logits.topk(count, dim=1).indices == labels[:, None]  # (batch, count)
    order = torch.arange(count, device=logits.device)
    rank = torch.where(hits, order, TOP).amin(dim=1)
    return rank.masked_fill(logits.isnan().any(dim=1), TOP)


def evaluate(
    network: nn.Module,
    images: Images,
    labels: Tensor,
    *,
    precision: str = "float32",
    batch_size: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Evaluate a network with running statistics, its BatchNorm folded into the convolutions.

    If memory runs out, the batch size is halved and the evaluation continues.

    Args:
        network: Maps images to logits (batch, classes). It is not changed.
        images: The images.
        labels: Their labels, (n,) int64, on the images' device.
        precision: The arithmetic; see `nascope._src.training.precision`.
        batch_size: Images at once; by default `evaluation_batch`.
        progress: Called with the share done.

    Raises:
        StudyError: Not even one image fits in memory, or the device lacks the precision.
    """
    copy = folded(network)
    size = batch_size or evaluation_batch(images.size, labels.device)
    losses, image_ranks = [], []
    start = 0
    with arithmetic(precision, labels.device), torch.inference_mode():
        while start < len(images):
            part = slice(start, start + size)
            shortage = None
            try:
                with autocast(precision, labels.device):
                    logits = copy(images.plain(part)).float()
                losses.append(functional.cross_entropy(logits, labels[part], reduction="none"))
                image_ranks.append(ranks(logits, labels[part]))
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                shortage = str(error)
            if shortage is not None:  # not above: the error keeps tensors alive
                size = _halved(size, labels.device, shortage)
                continue
            start += size
            if progress is not None:
                progress(min(1.0, start / len(images)))
    return Evaluation(torch.cat(losses).cpu(), torch.cat(image_ranks).cpu())


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out. Only CUDA has a type of error for it; others are known by words."""
    words = (
        "out of memory",
        "not enough memory",
        "can't allocate memory",
        "could not create a primitive",
    )
    return isinstance(error, torch.OutOfMemoryError) or any(w in str(error) for w in words)


def _halved(size: int, device: torch.device, reason: str) -> int:
    if size == 1:
        raise StudyError(
            f"out of memory on {device}: not even one image can be evaluated ({reason})"
        )
    gc.collect()  # frees what the failed forward pass left
    if device.type == "cuda":
        torch.cuda.empty_cache()
    warnings.warn(
        f"out of memory evaluating {size} images at once; continuing with {size // 2}", stacklevel=3
    )
    return size // 2
