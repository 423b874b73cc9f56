"""BackPACK's side of gradient_variance.py, in an environment of its own (make peers).

Reads a network and a batch from a safetensors file; for each line on standard input it computes the
variance of per-instance gradients once, and prints seconds and variance as a JSON line.
"""

# ruff: noqa: E402  (the absent modules come first)

from __future__ import annotations

import json
import sys
import time
import types

# BackPACK needs torchvision for its examples only.
for absent in ("torchvision", "torchvision.datasets", "torchvision.transforms"):
    sys.modules.setdefault(absent, types.ModuleType(absent))

import torch
from _plain import PlainNetwork
from backpack import backpack, extend
from backpack.extensions import BatchGrad
from safetensors.torch import load_file
from torch import nn

from nascope._src.cells.catalog import load as load_cell


def main() -> None:
    """Answer each line with a measurement."""
    torch.set_num_threads(1)
    case = load_file(sys.argv[1])
    network = PlainNetwork(load_cell("DARTS"), 16, 8, 10).eval()
    state = {k.removeprefix("model."): v for k, v in case.items() if k.startswith("model.")}
    network.load_state_dict(state)
    network, loss = extend(network), extend(nn.CrossEntropyLoss(reduction="sum"))
    images, labels = case["images"], case["labels"]
    for _ in sys.stdin:
        start = time.perf_counter()
        network.zero_grad()
        with backpack(BatchGrad()):
            loss(network(images), labels).backward()
        variance = 0.0
        for parameter in network.parameters():
            gradients = getattr(parameter, "grad_batch", None)
            if gradients is not None:
                centred = gradients - gradients.mean(0)
                variance += float(centred.double().square().sum()) / len(images)
                del parameter.grad_batch
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "variance": variance}), flush=True)


if __name__ == "__main__":
    main()
