"""The peers' side of test_peers.py, in their own environment (make peers): prints a JSON object.

BackPACK's per-instance gradients (`BatchGrad`) of a network written as the published code does, and
hessian-eigenthings' eigenvalues, trace and density of a small network, all in float64.
"""

# ruff: noqa: E402  (the absent modules come first)

import json
import sys
import types

# BackPACK needs torchvision for its examples only.
for absent in ("torchvision", "torchvision.datasets", "torchvision.transforms"):
    sys.modules.setdefault(absent, types.ModuleType(absent))

import torch
from _plain import PlainNetwork
from backpack import backpack, extend
from backpack.extensions import BatchGrad
from hessian_eigenthings import HessianOperator, lanczos, supervised_loss
from safetensors.torch import load_file
from torch import nn

from nascope._src.cells.catalog import load as load_cell


def variances(case):
    """Variance of per-instance gradients of each cell's network."""
    found = {}
    for name in ("DARTS", "SNAS"):
        network = PlainNetwork(load_cell(name), 4, 3, 3).double().eval()
        prefix = f"{name}."
        network.load_state_dict(
            {k.removeprefix(prefix): v for k, v in case.items() if k.startswith(prefix)}
        )
        network, loss = extend(network), extend(nn.CrossEntropyLoss(reduction="sum"))
        with backpack(BatchGrad()):
            loss(network(case["images"]), case["labels"]).backward()
        total = 0.0
        for parameter in network.parameters():
            gradients = getattr(parameter, "grad_batch", None)
            if gradients is not None:
                total += float((gradients - gradients.mean(0)).square().sum()) / len(gradients)
        found[name] = total
    return found


def eigenvalues(case):
    """The three largest eigenvalues of an MLP's Hessian."""
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    state = {k.removeprefix("mlp."): v for k, v in case.items() if k.startswith("mlp.")}
    model.load_state_dict(state)
    batch = (case["x"], case["y"])
    operator = HessianOperator(model, [batch], supervised_loss(nn.functional.cross_entropy))
    result = lanczos(operator, k=3, max_iter=38, which="LA", seed=0)
    return sorted((float(value) for value in result.eigenvalues), reverse=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    tensors = load_file(sys.argv[1])
    print(json.dumps({"variances": variances(tensors), "eigenvalues": eigenvalues(tensors)}))
