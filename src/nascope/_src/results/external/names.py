"""What the columns of public tables are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nascope._src.cells.genotype import FIELDS

GENOTYPES = (
    "genotype", "arch_str", "net_str", "architecture", "arch", "net", "cell", "genotypes",
    "architectures", "configuration", "config", "optimized_hyperparameter_config",
    "optimized_hyperparamater_config", "hyperparameters", "spec",
)  # fmt: skip
"""Names of a column of genotypes, the preferred first."""
MATRICES = (("module_adjacency", "module_operations"), ("matrix", "ops"),
            ("adjacency_matrix", "operations"))  # fmt: skip
"""Names of NAS-Bench-101's two columns."""

_ACCURACY = re.compile(
    r"(?:(?:final|best|last|mean|eval)_)?"
    r"(?:(?P<split>test|eval|val|valid|validation)_)?"
    r"(?:acc|accs|accuracy|accuracies|top_?1|top_?1_acc|top_?1_accuracy)"
    r"(?:_(?P<after>test|eval|val|valid|validation))?"
)
_EPOCH = re.compile(r"(?:(?P<what>.*?)_?)??(?:epochs?|ep|e)?_?(?P<epoch>\d+)")
_CONFIGSPACE = re.compile(r"(?:.*:)?(edge|inputs_node)_(normal|reduce)_\d+")


def normalised(name: object) -> str:
    """Return a column's name in lower case, with underscores and without units.

    >>> normalised("Test accuracy (%)")
    'test_accuracy'
    """
    text = re.sub(r"\(.*?\)|%", "", str(name)).strip().lower()
    return re.sub(r"[\s.\-/@]+", "_", text).strip("_")


def is_role(name: object, names: Iterable[str]) -> bool:
    """Return whether a column has one of these names."""
    return normalised(name) in names


def accuracy_rank(name: object) -> int | None:
    """Return how well a name fits a column of accuracies, 0 best; None if it is none.

    >>> [accuracy_rank(name) for name in ("accuracy", "test_acc", "val_accs", "train_acc")]
    [0, 1, 2, None]
    """
    match = _ACCURACY.fullmatch(normalised(name))
    if match is None:
        return None
    split = match["split"] or match["after"]
    return 0 if split is None else 1 if split in ("test", "eval") else 2


def epoch_of(name: object) -> tuple[int, int] | None:
    """Return the epoch of a column of a wide table, and how well its name fits; None if it is none.

    >>> [epoch_of(name) for name in ("epoch_12", "12", "val_acc_200", "layer3")]
    [(12, 0), (12, 0), (200, 2), None]
    """
    match = _EPOCH.fullmatch(normalised(name))
    if match is None:
        return None
    what = match["what"] or ""
    rank = 0 if not what else accuracy_rank(what.rstrip("_"))
    return None if rank is None else (int(match["epoch"]), rank)


def genotype_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that hold genotypes: one, or several that hold one together."""
    by_name = {normalised(name): name for name in reversed(names)}
    for pair in MATRICES:
        if all(name in by_name for name in pair):
            return tuple(by_name[name] for name in pair)
    if all(name in by_name for name in FIELDS):
        return tuple(by_name[name] for name in FIELDS)
    for wanted in GENOTYPES:
        if wanted in by_name:
            return (by_name[wanted],)
    choices = [name for name in names if _CONFIGSPACE.fullmatch(str(name))]
    return tuple(choices) if len(choices) >= 8 else ()


def has_genotype(row: Iterable[str]) -> bool:
    """Return whether a row's names include a genotype's."""
    return bool(genotype_columns([str(name) for name in row]))


def has_accuracy(row: Iterable[str]) -> bool:
    """Return whether a row's names include an accuracy's, or several with epochs."""
    names = list(row)
    return (
        any(accuracy_rank(name) is not None for name in names)
        or sum(epoch_of(name) is not None for name in names) > 1
    )
