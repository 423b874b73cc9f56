"""Weights trained elsewhere, with the parameter names of DARTS' published code."""

from __future__ import annotations

import argparse
import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.data.datasets import DataSet
from nascope._src.errors import CheckpointError
from nascope._src.networks.network import Network
from nascope._src.records.identity import compute_identity
from nascope._src.records.provenance import make_provenance
from nascope._src.runtime.input_files import open_file
from nascope._src.training.build import build_network, describe_training
from nascope._src.training.checkpoint import Checkpoint, save_checkpoint
from nascope._src.training.recipe import Recipe
from nascope._src.training.recognise import cells_that_fit, size_of, supernet_entry

_WRAPPERS = (  # keys that often hold the weights
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "params",
)  # fmt: skip
_AROUND = {  # parts of names, from DataParallel, torch.compile, FSDP and users' own classes
    "module", "model", "net", "network", "_orig_mod", "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
}  # fmt: skip
_COUNTS = ("total_ops", "total_params")  # what thop leaves in a network
_BARE = re.compile(r"^(cells\.\d+\._ops\.\d+)\.(\d+\.)")  # DARTS' 7×1, 1×7 convolutions lack "op"
_UNUSED = "auxiliary_head."  # the tower, which only training uses
_MAX_WRAPPERS = 5
_NAMED = 3  # names in a message


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights in a torch or safetensors file, by name. No code in it is executed.

    The names are DARTS', without what wrappers such as DataParallel and torch.compile add.

    Raises:
        CheckpointError: The file is missing, damaged, or contains more than plain values.
    """
    content = _content(path)
    weights = _weights_in(content, _MAX_WRAPPERS) if isinstance(content, Mapping) else None
    if not weights:
        raise CheckpointError(f"{path}: expected weights by name, but it has none")
    named: dict[str, str] = {}
    for name in weights:
        if name.split(".")[-1] in _COUNTS:
            continue
        plain = ".".join(part for part in name.split(".") if part not in _AROUND)
        plain = _BARE.sub(r"\1.op.\2", plain)
        if plain in named:
            raise CheckpointError(
                f"{path}: expected the weights of one network, but {named[plain]!r} and {name!r} "
                f"are both {plain!r}: save one of them alone"
            )
        named[plain] = name
    for name in named.values():
        _check_tensor(weights[name], f"{path}: {name!r}")
    return {plain: weights[name] for plain, name in named.items()}


def _content(path: Path) -> Any:
    try:
        with open_file(path) as file:
            if path.suffix == ".safetensors":
                return load_file(path)
            if is_zipfile(file):  # torch does not compress: this would fill the memory
                with ZipFile(file) as packed:
                    size = sum(entry.file_size for entry in packed.infolist())
                if size > path.stat().st_size:
                    raise CheckpointError(
                        f"{path}: compressed: expected a file as torch.save makes"
                    )
            file.seek(0)
            with torch.serialization.safe_globals(_plain_types()):
                return torch.load(file, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None
    except pickle.UnpicklingError as error:
        if "Unsupported global" in str(error) or "GLOBAL " in str(error):
            raise CheckpointError(
                f"{path}: expected tensors only, but it contains other objects. Reading them would "
                "run code from the file: save the state_dict alone"
            ) from None
        raise _damaged(path, "expected what torch.save or safetensors writes") from None
    except Exception as error:  # of every kind, for a damaged file
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, reason: str) -> CheckpointError:
    """Return an error; torch's reasons are long, and its advice is to read the file unsafely."""
    reason = (reason.strip().splitlines() or ["unreadable"])[0].partition(" Re-running")[0]
    return CheckpointError(f"{path}: damaged, or not a file of weights ({reason[:200]})")


def _plain_types() -> list[Any]:
    """Return what may be next to the weights: NumPy's numbers and arrays, and options."""
    makers: list[Any] = [value.__reduce__()[0] for value in (np.float64(0), np.zeros(0))]
    places = ("numpy._core.multiarray", "numpy.core.multiarray")  # of NumPy 2 and 1
    named = [(maker, f"{place}.{maker.__name__}") for maker in makers for place in places]
    kinds = [getattr(np.dtypes, name) for name in np.dtypes.__all__]
    return [*named, np.dtype, np.ndarray, argparse.Namespace, *kinds]


def _weights_in(content: Mapping[Any, Any], depth: int) -> dict[str, Tensor] | None:
    """Return the tensors by name, which may be within other mappings."""
    if tensors := {str(key): v for key, v in content.items() if isinstance(v, Tensor)}:
        return tensors
    inner = [content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)]
    found = (_weights_in(each, depth - 1) for each in inner) if depth else iter(())
    return next((weights for weights in found if weights), None)


_DTYPES = {
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
}  # fmt: skip


def _check_tensor(tensor: Tensor, where: str) -> None:
    plain = tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_complex()
    if not plain or tensor.device.type != "cpu" or tensor.dtype not in _DTYPES:
        raise CheckpointError(f"{where}: expected a dense tensor of real numbers")
    if tensor.is_floating_point() and not tensor.isfinite().all():
        raise CheckpointError(f"{where}: expected finite weights, but it has NaN or infinity")


def load_weights(network: Network, weights: Mapping[str, Tensor], *, source: str) -> None:
    """Load weights with the published names into a network, except those of the tower.

    BatchNorm's batch counters may be missing, as in files from old versions of torch.

    Raises:
        CheckpointError: A name or shape does not fit; the message names the first few, and what
            the weights are instead, if that is known.
    """
    expected = network.state_dict()
    given = {name: value for name, value in weights.items() if not name.startswith(_UNUSED)}
    if entry := supernet_entry(given):
        raise CheckpointError(
            f"{source}: expected the weights of a cell's network, but this is the supernet of a "
            f"search, which has every operation on every edge ({entry}): train the cell that the "
            "search found, and import those weights"
        )
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
            f"{_advice(expected, given)}"
        )
    network.load_state_dict(given, strict=False)


def _advice(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Return what the weights are, or what to check."""
    size = size_of(given)
    if size is not None and size != size_of(expected):
        return f"They have {size.channels} channels and {size.layers} layers"
    if cells := cells_that_fit(given):
        more = f" and {len(cells) - _NAMED} more" if len(cells) > _NAMED else ""
        return f"They have the operations of {', '.join(cells[:_NAMED])}{more}"
    return "Are cell, channels, layers and data set right?"


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
    with open_file(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
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
