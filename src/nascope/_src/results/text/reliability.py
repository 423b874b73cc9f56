"""Reliabilities as rows and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nascope._src.results.reliability import BOTH, Reliability
from nascope._src.results.text.numbers import counted

NOTHING = (
    "no reliability: it needs a family with two or more wirings, trained with two or more equal "
    "seeds each"
)
_HEADINGS = ("wiring [95 %]", "seed", "direct.", "mode", "design")
_TITLE = 60


def name_of(entry: Reliability) -> str:
    """Return a measure with its place and BatchNorm mode, if it has them."""
    parts = [entry.title]
    if (entry.at, entry.images) not in {("", ""), ("end", "test")}:
        parts.append(f"at {entry.at}, {entry.images} images")
    if entry.mode:
        parts.append("all modes" if entry.mode == BOTH else entry.mode)
    return ", ".join(parts)


def share_of(entry: Reliability) -> str:
    """Return the share of wirings with its interval, as "0.75 [0.31, 0.97]"; "–" without one."""
    shares = entry.shares
    if shares is None:
        return "–"
    return f"{shares.wiring:.2f} [{shares.low:.2f}, {shares.high:.2f}]"


def design_of(entry: Reliability) -> str:
    """Return the size of the design: wirings × seeds × directions × modes, and what is left out."""
    counts = [counted(entry.wirings, "wiring"), counted(entry.seeds, "seed")]
    if entry.directions > 1:
        counts.append(counted(entry.directions, "direction"))
    if entry.modes > 1:
        counts.append(counted(entry.modes, "mode"))
    left = f", {entry.left_out} left out" if entry.left_out else ""
    families = f" in {counted(entry.families, 'family', 'families')}" if entry.families > 1 else ""
    return " × ".join(counts) + families + left


def setting_of_entry(entry: Reliability) -> str:
    """Return the data set and learning rate of an entry."""
    rate = "" if entry.learning_rate is None else f", learning rate {entry.learning_rate:g}"
    return f"{entry.data}{rate}"


def reliability_lines(entries: Sequence[Reliability]) -> list[str]:
    """Return a table for each setting: the most reliable measures of each group first."""
    lines: list[str] = []
    for setting in dict.fromkeys(map(setting_of_entry, entries)):
        lines.append(f"{setting}: share of a value's variance")
        own = [entry for entry in entries if setting_of_entry(entry) == setting]
        width = min(_TITLE, max(len(name_of(entry)) for entry in own))
        for group in dict.fromkeys(entry.group for entry in own):
            wiring, seed, direction, mode, design = _HEADINGS
            lines.append(
                f"  {group:{width}}  {wiring:18}{seed:>6}{direction:>9}{mode:>6}  {design}"
            )
            lines += [_line(entry, width) for entry in ordered(own) if entry.group == group]
    return lines


def ordered(entries: Sequence[Reliability]) -> list[Reliability]:
    """Return entries from the most to the least reliable; those without shares last."""
    return sorted(entries, key=lambda e: -1.0 if e.shares is None else e.shares.wiring)[::-1]


def _line(entry: Reliability, width: int) -> str:
    shares = entry.shares
    rest = ""
    if shares is not None:
        rest = f"{shares.seed:6.2f}{shares.direction:9.2f}{shares.mode:6.2f}"
    return f"  {name_of(entry):{width}}  {share_of(entry):18}{rest:21}  {design_of(entry)}"


def reliability_row(entry: Reliability) -> dict[str, Any]:
    """Return an entry as a row of a table; None for what it does not have."""
    row = asdict(entry)
    shares = row.pop("shares") or dict.fromkeys(
        ("wiring", "low", "high", "seed", "direction", "mode")
    )
    names = {"wiring": "share", "mode": "mode_share"}
    named = {names.get(key, f"{key}_share"): value for key, value in shares.items()}
    named["low"], named["high"] = named.pop("low_share"), named.pop("high_share")
    return {**row, **named}
