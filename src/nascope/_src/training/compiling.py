"""torch.compile as an option of training, and the time it takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nascope._src.errors import StudyError

logger = logging.getLogger(__name__)


class Compiled:
    """A function of a batch, compiled once for each batch size.

    Args:
        function: Its first argument is a batch (batch, …).

    Attributes:
        seconds: Time spent on compiling.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = torch.compile(function, dynamic=False)
        self._sizes: set[int] = set()
        self.seconds = 0.0

    def __call__(self, batch: Tensor, *more: Any) -> Any:
        """Call the function.

        Raises:
            StudyError: It cannot be compiled here; on a CPU this needs a C++ compiler.
        """
        if len(batch) in self._sizes:
            return self._function(batch, *more)
        logger.info("compiling for batches of %d; this can take minutes", len(batch))
        before = time.perf_counter()
        try:
            result = self._function(batch, *more)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            raise StudyError(
                f"torch.compile failed ({reason}): train without compile, or install a C++ compiler"
            ) from None
        self._sizes.add(len(batch))
        self.seconds += time.perf_counter() - before
        return result
