"""Weights trained elsewhere, under the parameter names of DARTS' published code."""

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

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # keys under which others keep the weights
_PREFIX = "module."  # of torch's DataParallel
_UNUSED = "auxiliary_head."  # of the tower, which only training uses
_NAMED = 3  # names that a message holds


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights in a file of torch or safetensors, by name. Nothing in it is executed.

    Raises:
        CheckpointError: the file is missing, damaged, or holds more than tensors.
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
            f"{path}: holds other objects than tensors, which are not read since that would run "
            "code from the file: save the state_dict alone"
        ) from None
    except (SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        reason = (str(error).strip().splitlines() or ["unreadable"])[0]
        raise CheckpointError(f"{path}: damaged, or not a file of weights ({reason})") from None
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"{path}: holds no weights by name")
    weights = {str(k).removeprefix(_PREFIX): v for k, v in content.items()}
    if strange := [name for name, value in weights.items() if not isinstance(value, Tensor)]:
        raise CheckpointError(f"{path}: {strange[0]!r} is not a tensor")
    return weights


def load_weights(network: Network, weights: Mapping[str, Tensor], *, source: str) -> None:
    """Load weights under the published names into a network; the tower's are left out.

    BatchNorm's counters of batches may be missing, as in files of old versions of torch.

    Raises:
        CheckpointError: a name or shape doesn't fit; the message holds the first few.
    """
    own = network.state_dict()
    given = {name: value for name, value in weights.items() if not name.startswith(_UNUSED)}
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    problems = {
        "missing": [name for name in own if name not in given and name not in counters],
        "unknown": [name for name in given if name not in own],
        "of another shape": [
            f"{name} {tuple(given[name].shape)} for {tuple(value.shape)}"
            for name, value in own.items()
            if name in given and given[name].shape != value.shape
        ],
    }
    said = [
        f"{len(names)} {problem} ({', '.join(names[:_NAMED])}{' …' * (len(names) > _NAMED)})"
        for problem, names in problems.items()
        if names
    ]
    if said:
        raise CheckpointError(
            f"{source}: not the weights of this cell at this size: {'; '.join(said)}. "
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
    """Make a checkpoint of weights trained elsewhere, so that they can be evaluated and probed.

    Images are normalised with the training set's own means and deviations, as in DARTS' code.

    Args:
        path: a file of torch or safetensors.
        data: what the network was trained on.
        output: the checkpoint's file.
        channels, layers: C and L of the network.

    Raises:
        CheckpointError: the file cannot be read, or doesn't fit.
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
