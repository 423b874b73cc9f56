"""JSON and YAML: rows, columns, or nested mappings from data sets and genotypes to results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from nascope._src.errors import StudyError
from nascope._src.results.external.names import (
    GENOTYPES,
    has_accuracy,
    has_genotype,
    is_role,
)
from nascope._src.results.external.raw import Choose, RawTable
from nascope._src.runtime.input_files import read_bytes

_LARGEST = 2_000_000_000  # bytes
_DEEPEST = 8  # levels of mappings above the results

Record = dict[str, Any]


def read_nested(path: Path, choose: Choose) -> RawTable:
    """Read a file of JSON, JSON lines or YAML.

    Its value is one of

    - a list of rows, each a mapping from column names to values;
    - a mapping from column names to lists;
    - a mapping from genotypes to an accuracy, to a list of accuracies by epoch, to a mapping from
      epochs to accuracies, or to a row;
    - a mapping from names of data sets to one of these.

    Raises:
        StudyError: it is none of these.
    """
    content = read_bytes(path, at_most=_LARGEST)
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    value = _value(path, text)
    records = list(islice(_records(value, ()), len(text) + 1))
    if len(records) > len(text):  # YAML's aliases can repeat a value without end
        raise StudyError(f"{path}: expected a table, but its aliases expand without end")
    if not records:
        raise StudyError(
            f"{path}: expected a list of rows with a genotype and an accuracy, or a mapping from "
            "genotypes to accuracies, but got neither"
        )
    names = list(dict.fromkeys(name for record in records for name in record))
    wanted = choose(names)
    columns = {name: [record.get(name) for record in records] for name in names if name in wanted}
    return RawTable(path, columns, word="entry")


def _value(path: Path, text: str) -> Any:
    if path.suffix.lower() in (".yaml", ".yml"):
        return _yaml(path, text)
    if path.suffix.lower() == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return json.loads(text)


def _yaml(path: Path, text: str) -> Any:
    import yaml  # noqa: PLC0415  (slow to import)

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Plain values, and Python's tuples as lists."""

    Loader.add_constructor(
        "tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node, True)
    )
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"{path} cannot be read: {reason[:200]}") from None


# ---------------------------------------------------------------- nested mappings as rows


def _records(value: Any, path: tuple[str, ...]) -> Iterator[Record]:
    """Yield the rows of a value; ``path`` names the mappings around it."""
    if len(path) > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield from _records(item, path) if not _is_row(item) else [_labelled(item, path)]
    elif isinstance(value, dict):
        if _is_row(value):
            yield from (_labelled(row, path) for row in _rows_of_columns(value))
            return
        for key, inner in value.items():
            yield from _of_key(str(key), inner, path)


def _of_key(key: str, inner: Any, path: tuple[str, ...]) -> Iterator[Record]:
    """Yield the rows of a mapping's value."""
    if _is_number(inner) or _is_curve(inner):
        yield _labelled({"genotype": key, "accuracy": inner}, path)
    elif isinstance(inner, list):
        yield from _records(inner, (*path, key))
    elif isinstance(inner, dict):
        if _is_row(inner) and not _is_columns(inner):
            yield _labelled(inner if _looks_like_genotype(key) else {"name": key, **inner}, path)
        elif has_accuracy(inner) and not _is_row(inner):
            yield _labelled({"genotype": key, **inner}, path)
        elif _looks_like_genotype(key):
            for data, results in inner.items():
                yield from _of_key(key, results, (*path, str(data)))
        else:
            yield from _records(inner, (*path, key))


def _is_row(value: Mapping[str, Any]) -> bool:
    return has_genotype(value) and has_accuracy(value)


def _is_columns(value: Mapping[str, Any]) -> bool:
    genotypes = next((v for name, v in value.items() if is_role(name, GENOTYPES)), None)
    return isinstance(genotypes, dict | list) and all(
        isinstance(v, dict | list) and len(v) == len(genotypes) for v in value.values()
    )


def _rows_of_columns(value: Mapping[str, Any]) -> Iterator[Record]:
    """Yield the rows of columns, or the value itself if it is a row."""
    if not _is_columns(value):
        yield dict(value)
        return
    columns = {
        name: list(column.values()) if isinstance(column, dict) else column
        for name, column in value.items()
    }
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, row, strict=True))


def _labelled(row: Mapping[str, Any], path: Sequence[str]) -> Record:
    """Return a row with the names of the mappings around it as its data set, if it has none."""
    row = dict(row)
    if path and not any(is_role(name, ("data",)) for name in row):
        row["data"] = "/".join(path)
    return row


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_curve(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(_is_number, value))


def _looks_like_genotype(key: str) -> bool:
    return key.lstrip()[:1] in ("|", "[", "(", "{") or "Genotype" in key
