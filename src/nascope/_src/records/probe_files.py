"""A probe's result in two files: arrays (npz), and next to them what was probed (JSON)."""

from __future__ import annotations

from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.checksums import DIGESTS_KEY
from nascope._src.records.files import read_arrays, read_json, write_arrays, write_json
from nascope._src.records.read import ARRAYS_NAME, ProbeRecord, arrays_digest, probe_record


def write_probe(path: Path, probe: ProbeRecord) -> None:
    """Write a probe's result to ``path`` (npz), and its settings next to it.

    Raises:
        StudyError: The folder cannot be written.
    """
    digest = write_arrays(path, probe.arrays)
    fields = {
        "kind": probe.kind,
        "identity": probe.identity,
        "settings": probe.settings,
        "provenance": probe.provenance,
        DIGESTS_KEY: {ARRAYS_NAME: digest},
    }
    write_json(path.with_suffix(".json"), fields)


def read_probe_file(path: Path) -> ProbeRecord:
    """Read a probe's result, as `write_probe` writes it.

    Raises:
        StudyError: One of the two files is missing or damaged.
    """
    summary = path.with_suffix(".json")
    if not path.exists():
        raise StudyError(f"{path} is missing")
    if not summary.is_file():
        raise StudyError(
            f"expected {summary.name} next to {path}: it says what was probed; copy both files"
        )
    fields = read_json(summary)
    try:
        return probe_record(fields, read_arrays(path, expected=arrays_digest(fields)))
    except (KeyError, TypeError):
        raise StudyError(f"{summary} does not describe a probe: probe the network again") from None
