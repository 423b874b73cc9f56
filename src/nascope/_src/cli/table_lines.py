"""What the commands on tables print, besides evidence, whose wording is in results/text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nascope._src.results.selection.early_stopping import Choice

_LONGEST = 44  # characters of what is picked


def choice_lines(schedule: str, choices: Sequence[Choice], *, every: bool = False) -> list[str]:
    """Return what a search picks if it stops at each epoch, as a table.

    Args:
        schedule: "truncated" or "re-annealed", and the data set if there are several.
        choices: in the order of epochs.
        every: list every epoch, not only 1, 2, 5, 10 … and the last.
    """
    from nascope._src.results.selection.early_stopping import shown_choices

    last = choices[-1]
    shown = list(choices) if every else shown_choices(choices)
    seeds = "other seeds'" if last.other_seeds else "the same seeds'"
    lines = [
        f"{last.candidates:,} cells, {schedule} schedule; early accuracy against {seeds} final one",
        f"{'epoch':>6} {'ρ [95 %]':>20} {'regret':>8} {'blind':>7} {'width':>6} {'depth':>6}"
        "  picks",
    ]
    for choice in shown:
        rho = f"{choice.rho:+.2f}" if choice.rho == choice.rho else "–"
        if choice.low is not None and choice.high is not None:
            rho += f" [{choice.low:+.2f}, {choice.high:+.2f}]"
        picked = choice.picked
        if len(picked) > _LONGEST and " or " in picked:
            first, *others = picked.split(" or ")
            picked = f"{first} or {len(others)} others"
        lines.append(
            f"{choice.epoch:>6} {rho:>20} {100 * choice.regret:>7.2f}% {100 * choice.blind:>6.2f}% "
            f"{choice.width:>5.3g}c {choice.depth:>6.3g}  {picked}"
        )
    if len(shown) < len(choices):
        lines.append(f"{len(choices) - len(shown):,} more epochs: --all, --json or --output FILE")
    return lines
