"""Weights trained elsewhere, with the parameter names of DARTS' published code."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.data.datasets import DataSet
from nascope._src.errors import CheckpointError
from nascope._src.networks.network import Network
from nascope._src.records.identity import compute_identity
from nascope._src.records.provenance import make_provenance
from nascope._src.training.build import build_network, describe_training
from nascope._src.training.checkpoint import Checkpoint, save_checkpoint
from nascope._src.training.recipe import Recipe

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # keys that often hold the weights
_PREFIX = "module."  # from torch's DataParallel
_UNUSED = "auxiliary_head."  # the tower, which only training uses
_NAMED = 3  # names in a message


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights in a torch or safetensors file, by name. No code in it is executed.

    Raises:
        CheckpointError: The file is missing, damaged, or contains more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path}: expected tensors only, but it contains other objects. Reading them would run "
            "code from the file: save the state_dict alone"
        ) from None
    except (SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        reason = (str(error).strip().splitlines() or ["unreadable"])[0]
        raise CheckpointError(f"{path}: damaged, or not a file of weights ({reason})") from None
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"{path}: expected weights by name, but it has none")
    weights = {str(k).removeprefix(_PREFIX): v for k, v in content.items()}
    if others := [name for name, value in weights.items() if not isinstance(value, Tensor)]:
        raise CheckpointError(f"{path}: {others[0]!r} is not a tensor")
    return weights


def load_weights(network: Network, weights: Mapping[str, Tensor], *, source: str) -> None:
    """Load weights with the published names into a network, except those of the tower.

    BatchNorm's batch counters may be missing, as in files from old versions of torch.

    Raises:
        CheckpointError: A name or shape does not fit; the message names the first few.
    """
    expected = network.state_dict()
    given = {name: value for name, value in weights.items() if not name.startswith(_UNUSED)}
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    problems = {
        "missing": [name for name in expected if name not in given and name not in counters],
        "unknown": [name for name in given if name not in expected],
        "of another shape": [
            f"{name} {tuple(given[name].shape)} for {tuple(value.shape)}"
            for name, value in expected.items()
            if name in given and given[name].shape != value.shape
        ],
    }
    described = [
        f"{len(names)} {problem} ({', '.join(names[:_NAMED])}{' …' * (len(names) > _NAMED)})"
        for problem, names in problems.items()
        if names
    ]
    if described:
        raise CheckpointError(
            f"{source}: not the weights of this cell at this size: {'; '.join(described)}. "
            "Are cell, channels, layers and data set right?"
        )
    network.load_state_dict(given, strict=False)


def import_weights(
    path: Path,
    genotype: Genotype,
    data: DataSet,
    output: Path,
    *,
    channels: int,
    layers: int,
) -> Checkpoint:
    """Make a checkpoint from weights trained elsewhere, to evaluate and probe them.

    Images are normalised with the means and deviations of the training set, as in DARTS' code.

    Args:
        path: A torch or safetensors file.
        genotype: The cells of the network.
        data: The data set that the network was trained on.
        output: The checkpoint's file.
        channels, layers: C and L of the network.

    Raises:
        CheckpointError: The file cannot be read, or does not fit the network.
    """
    weights = read_weights(path)
    recipe = Recipe(channels=channels, layers=layers)
    network = build_network(genotype, recipe, data.summary(), seed=0)
    load_weights(network, weights, source=str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    records: dict[str, Any] = {
        "identity": compute_identity(
            "imported",
            {
                "genotype": to_dict(genotype),
                "weights": digest,
                "channels": channels,
                "layers": layers,
                "data": data.digest,
            },
        ),
        **describe_training(genotype, data, recipe, seed=None),
        "epochs": [],
        "early": [],
        "diverged_at": None,
        "finished": True,
        "provenance": make_provenance(imported_from=path.name, sha256=digest),
    }
    checkpoint = Checkpoint(
        {f"model.{name}": value for name, value in network.state_dict().items()}, records
    )
    save_checkpoint(output, checkpoint)
    return checkpoint
