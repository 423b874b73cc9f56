"""What the paper's figures show here, in lines of text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from nascope._src.cells.graph import Topology
from nascope._src.records.read import TrialRecord
from nascope._src.results.findings.pairs import Pair
from nascope._src.results.findings.places import (
    Convergence,
    FamilyPlace,
    FamilyTopology,
    Gap,
    VariantException,
    growth_of,
)
from nascope._src.results.stats.contrasts import Standing
from nascope._src.results.text.findings import (
    equivalence_text,
)
from nascope._src.results.text.numbers import (
    counted,
    format_p,
    format_percent,
    in_digits,
    ordinal,
    signed,
)
from nascope._src.results.text.standings import rank_in_words

# ---------------------------------------------------------------- measures


def place_line(place: FamilyPlace, what: str) -> str:
    """Return an original's number and rank on a measure."""
    if place.original is None:
        return f"{what}: not measured yet"
    lost = math.isinf(place.original) and place.diverged
    number = f"{what} {'diverged' if lost else in_digits(place.original)}"
    if place.standing is None:
        return number
    rank = rank_in_words(place.standing, higher_is_better=place.measure.higher_is_better)
    if place.variants:
        among = f"{in_digits(place.variants[0])} to {in_digits(place.variants[-1])}"
    else:
        among = "all diverged" if place.variants_diverged else "none finite"
    return f"{number}, {rank} (variants {among})"


def gap_text(gap: Gap) -> str:
    """Return a gap as a ratio, with the number of trainings that diverged."""
    lost = f" ({gap.diverged} of {gap.trials} diverged)" if gap.diverged else ""
    return f"{signed(100 * math.expm1(gap.log), 1)} %{lost}"


def growth_line(gaps: Mapping[float, Gap]) -> str:
    """Return whether the original's lead grows from learning rate to learning rate."""
    what = "area under the training loss against the mean variant"
    growth = {
        "unknown": "nothing to compare at two rates yet",
        "does not grow": "the lead does not grow with the rate",
        "grows": "the lead grows with the rate",
        "behind but less": "behind at every rate, but less so at larger rates",
    }[growth_of(gaps)]
    if len(gaps) < 2:
        return f"{what}: {growth}"
    at_rates = ", ".join(f"{gap_text(gaps[rate])} at {rate:g}" for rate in sorted(gaps))
    return f"{what}: {at_rates}: {growth}"


def chance_text(place: Standing) -> str:
    """Return a rank, and what it would be if the original's wiring were just another draw."""
    first = round(place.rank - place.ties / 2)
    best = "the best" if first == 1 else f"{ordinal(first)} best"
    ties = f" ({place.ties} equal to it)" if place.ties else ""
    return (
        f"{best} of {place.members}{ties}; by chance, the probability of such a rank or a better "
        f"one is {format_percent(place.chance)}, and that some variant beats the original "
        f"{format_percent(place.chance_of_a_better_one)}"
    )


def convergence_line(convergence: Convergence) -> str:
    """Return how far trained networks have converged."""
    state = "converged" if convergence.converged else "these networks have not converged"
    return f"training accuracy {convergence.lowest:.0f} to {convergence.highest:.0f} %: {state}"


def diverged_text(trials: Sequence[TrialRecord]) -> str:
    """Return which cells diverged, after a semicolon; empty if none did."""
    lost = Counter(trial.label for trial in trials if trial.diverged)
    cells = [f"{label} ({n})" if n > 1 else label for label, n in lost.items()]
    return f"; diverged: {', '.join(cells)}" if cells else ""


# ---------------------------------------------------------------- Table 1


def difference_text(pair: Pair) -> str:
    """Return the difference in test error of an adapted cell, adapted − original."""
    if math.isnan(pair.low):
        return f"difference {signed(-100 * pair.difference)}, interval unknown"
    place = equivalence_text(pair.equivalent)
    ends = f"{signed(-100 * pair.high)}, {signed(-100 * pair.low)}"
    text = f"difference {signed(-100 * pair.difference)} [{ends}], {place}"
    if math.isnan(pair.p):
        return text
    first = " of the first seed's pair" if pair.seeds > 1 else ""
    return f"{text}; McNemar's p{first} = {format_p(pair.p)}"


# ---------------------------------------------------------------- topologies


def topology_line(family: FamilyTopology) -> str:
    """Return an original's width and depth, and how its variants compare."""
    text = f"{family.family} is {_width(family.original)} wide and {family.original.depth} deep"
    if family.variants:
        text += (
            f"; of {counted(family.variants, 'variant')}, {family.narrower} narrower and "
            f"{family.deeper} deeper"
        )
    return text


def _width(topology: Topology) -> str:
    same = topology.strict_width == topology.fractional_width
    strict = "" if same else f" (strict {topology.strict_width}c)"
    return f"{float(topology.fractional_width):g}c{strict}"


def variants_line(family: FamilyTopology, *, as_published: bool, note: str) -> str:
    """Return whether variants are narrower and deeper than their original.

    Args:
        as_published: whether the exceptions are those that the paper's own figure shows.
        note: what cannot be said about these variants; empty if nothing.
    """
    state = "agrees"
    if family.exceptions:
        names = ", ".join(f"{e.label} ({_exception(e)})" for e in family.exceptions)
        kept = family.variants - len(family.exceptions)
        if kept > len(family.exceptions):
            state = f"agrees except for {names}"
        else:
            state = f"agrees in part, not for {names}" if kept else f"contradicted by {names}"
        if as_published:
            state += ", as the paper's own figure shows them"
    return (
        f"variants of {family.family}, by the published convention of width: {family.narrower} of "
        f"{family.variants} narrower, {family.deeper} of {family.variants} deeper: {state}"
        + (f". {note}" if note else "")
    )


def _exception(exception: VariantException) -> str:
    parts = []
    if exception.wider is not None:
        parts.append("wider" if exception.wider else "equally wide")
    if exception.shallower is not None:
        parts.append("shallower" if exception.shallower else "equally deep")
    return ", ".join(parts)


def widths_line(checks: Mapping[str, bool]) -> str:
    """Return whether cells have the width and depth that the paper gives, by label."""
    differing = [label for label, agrees in checks.items() if not agrees]
    state = f"differ for {', '.join(differing)}" if differing else "are the paper's"
    return f"width and depth of {counted(len(checks), 'cell')} {state}"
