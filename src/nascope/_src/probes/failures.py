"""The one boundary around the user's model and loss: whatever fails in them becomes a ProbeError.

The error says where the model or the loss failed, why, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nascope._src.errors import NascopeError, ProbeError

_LONGEST = 300  # characters of a cause

# What an error's text contains, in lower case → what to do.
_REMEDIES = (
    (
        "use_reentrant=true",
        "call torch.utils.checkpoint with use_reentrant=False",
    ),
    (
        "out of memory",
        "use a smaller batch_size",
    ),
    (
        "is out of bounds",
        "the cross-entropy needs class numbers from 0 to the number of logits − 1",
    ),
    (
        "can't allocate memory",
        "use a smaller batch_size",
    ),
    (
        "is not implemented",
        "an operation has no such derivative. The landscape needs none, the gradient variance the "
        "first, the curvature the second: replace the operation, or leave that probe out",
    ),
    (
        "once_differentiable",
        "an operation's backward pass can't be differentiated, which curvature needs: remove "
        "once_differentiable, or leave the curvature out",
    ),
    (
        "expected more than 1 value per channel",
        "BatchNorm uses the statistics of the batch here, and this batch has one instance: give it "
        "running statistics, or use larger batches",
    ),
    (
        "expected all tensors to be on the same device",
        "move inputs, targets and the model to the same device",
    ),
    (
        "same dtype",
        "give inputs in the dtype of the weights. Float16 and bfloat16 become float32, so the "
        "model must not cast to them",
    ),
    (
        "expected scalar type",
        "give inputs in the dtype of the weights. Float16 and bfloat16 become float32, so the "
        "model must not cast to them",
    ),
    (
        "does not require grad",
        "a derivative is taken of something without gradient: remove torch.no_grad and detach "
        "from the model and the loss",
    ),
    (
        "positional argument",
        "a tuple of inputs is passed as positional arguments and a dictionary as keyword "
        "arguments; wrap it in a tuple to pass it as one argument",
    ),
    (
        "unexpected keyword argument",
        "a dictionary of inputs is passed as keyword arguments; wrap it in a tuple to pass it as "
        "one argument",
    ),
)


@contextmanager
def user_code(what: str) -> Iterator[None]:
    """Turn an exception in the user's model or loss into a `ProbeError`, with the cause chained.

    Args:
        what: What fails, such as "the model fails in evaluation mode".
    """
    try:
        yield
    except NascopeError:
        raise
    except Exception as error:
        remedy = _remedy(error)
        raise ProbeError(f"{what}: {cause_of(error)}{f'. {remedy}' * bool(remedy)}") from error


def cause_of(error: BaseException) -> str:
    """Return the kind and the first line of an error.

    >>> cause_of(ValueError("no such mode: 7." + chr(10) + "more"))
    'ValueError: no such mode: 7'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0].removesuffix(".") if lines else ""  # it becomes part of a sentence
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + " …"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _remedy(error: Exception) -> str:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "Use a smaller batch_size"
    words = str(error).lower()
    for part, remedy in _REMEDIES:
        if part in words:
            return remedy[0].upper() + remedy[1:]
    return ""
