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

TOP = 5  # top-5 accuracy, or of all classes where there are fewer


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network's answers on n images.

    Args:
        losses: (n,) float32, cross-entropy in nats.
        ranks: (n,) int64, how many classes were preferred to the right one; at least TOP counts
            as TOP.
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
        """(n,) bool."""
        return self.ranks == 0

    @property
    def accuracy(self) -> float:
        """Share of images whose class got the largest logit."""
        return float(self.correct.double().mean())

    @property
    def top5(self) -> float:
        """Share of images whose class is among the five of the largest logits."""
        return float((self.ranks < TOP).double().mean())


def ranks(logits: Tensor, labels: Tensor) -> Tensor:
    """(batch,) the right class's place among the TOP largest logits, from 0; TOP if beyond.

    >>> ranks(torch.tensor([[0.1, 0.9], [0.1, 0.9]]), torch.tensor([1, 0])).tolist()
    [0, 1]
    """
    places = min(TOP, logits.shape[1])
    hits = logits.topk(places, dim=1).indices == labels[:, None]  # (batch, places)
    steps = torch.arange(places, device=logits.device)
    return torch.where(hits, steps, TOP).amin(dim=1)


def evaluate(
    network: nn.Module,
    images: Images,
    labels: Tensor,
    *,
    precision: str = "float32",
    batch_size: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Evaluate with running statistics, BatchNorm folded into the convolutions.

    Where memory runs out, the batch is halved and the evaluation goes on.

    Args:
        network: images → logits (batch, classes); it stays as it is.
        labels: (n,) int64, on the images' device.
        batch_size: images at once; by default `evaluation_batch`.
        progress: called with the share done.

    Raises:
        StudyError: not even one image fits, or the device lacks the precision.
    """
    copy = folded(network)
    size = batch_size or evaluation_batch(images.size, labels.device)
    losses, places = [], []
    start = 0
    with arithmetic(precision, labels.device), torch.inference_mode():
        while start < len(images):
            part = slice(start, start + size)
            lacking = None
            try:
                with autocast(precision, labels.device):
                    logits = copy(images.plain(part)).float()
                losses.append(functional.cross_entropy(logits, labels[part], reduction="none"))
                places.append(ranks(logits, labels[part]))
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                lacking = str(error)
            if lacking is not None:  # here, since the error holds on to tensors while it lives
                size = _halved(size, labels.device, lacking)
                continue
            start += size
            if progress is not None:
                progress(min(1.0, start / len(images)))
    return Evaluation(torch.cat(losses).cpu(), torch.cat(places).cpu())


def _out_of_memory(error: RuntimeError) -> bool:
    """CUDA has a kind of error of its own; the CPU's allocator and oneDNN have words."""
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
    gc.collect()  # of what the failed forward pass left
    if device.type == "cuda":
        torch.cuda.empty_cache()
    warnings.warn(
        f"out of memory evaluating {size} images at once; going on with {size // 2}", stacklevel=3
    )
    return size // 2
