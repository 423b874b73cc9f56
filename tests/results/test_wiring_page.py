"""Every number about the catalogue's cells in docs/results/wiring.md, computed again."""

from __future__ import annotations

import functools
import re

import pytest

from nascope._src.cells.catalog import cells_in
from nascope._src.results.pattern import (
    CONTROL,
    Effect,
    FollowCount,
    GroupPattern,
    Survey,
    count_following,
    score_cells,
    survey_catalog,
)
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "results" / "wiring.md").read_text(encoding="utf-8")
TEXT = re.sub(r"\s+", " ", PAGE)
README = re.sub(r"\s+", " ", (ROOT / "README.md").read_text(encoding="utf-8"))
SURVEYS = {
    "normal, fractional": ("normal", "fractional"),
    "normal, strict": ("normal", "strict"),
    "reduction, fractional": ("reduce", "fractional"),
    "reduction, strict": ("reduce", "strict"),
}


@functools.cache
def survey(name: str) -> Survey:
    kind, convention = SURVEYS[name]
    return survey_catalog(kind=kind, convention=convention)


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def sizes(group: GroupPattern) -> tuple[str, str]:
    return (
        f"{group.width:.2f} / {group.expected_width:.2f}",
        f"{group.depth:.2f} / {group.expected_depth:.2f}",
    )


def effect(one: Effect) -> str:
    low, high = one.interval
    return f"{one.mean:.2f} [{low:.2f}, {high:.2f}], p = {one.p_greater:.2g}"


def count(one: FollowCount) -> tuple[object, ...]:
    return one.labels, one.following, f"{one.expected:.1f}", f"{one.p_more:.2g}"


@pytest.mark.parametrize("name", SURVEYS)
def test_tables_of_groups(name: str) -> None:
    for group in survey(name).groups:
        effects = map(effect, (group.wider, group.shallower, group.pattern))
        assert row(group.label, group.cells, group.clusters, *sizes(group), *effects) in PAGE


@pytest.mark.parametrize("name", ["normal, fractional", "reduction, fractional"])
def test_tables_of_labels(name: str) -> None:
    found = survey(name)
    rows = [
        row(
            group.label,
            group.cells,
            *sizes(group),
            f"{group.wider.mean:.2f}",
            f"{group.shallower.mean:.2f}",
            f"{p:.2g}",
            "yes" if group.follows else "**no**",
            f"{found.following.chance[group.label]:.2f}",
        )
        for group, p in zip(found.algorithms, found.adjusted, strict=True)
    ]
    assert "\n".join(rows) in PAGE


@pytest.mark.parametrize("name", SURVEYS)
def test_labels_that_follow_are_compared_with_chance(name: str) -> None:
    found = survey(name)
    assert row(name, *count(found.following), *count(found.others_following)) in PAGE


def test_the_summary() -> None:
    normal, reduction = survey("normal, fractional"), survey("reduction, fractional")
    five, others = normal.groups[0], normal.groups[3]
    assert (f"{five.wider.p_greater:.0e}", f"{five.shallower.p_greater:.0e}") == ("2e-08", "1e-04")
    assert "wider (p = 2·10⁻⁸) and shallower (p = 1·10⁻⁴)" in TEXT
    assert f"also wider than expected by chance (p = {others.wider.p_greater:.2g})" in TEXT
    assert f"not demonstrably shallower (p = {others.shallower.p_greater:.1g})" in TEXT
    strict = survey("normal, strict").groups[3].pattern.p_greater
    assert f"the two together are not significant (p = {strict:.1g})" in TEXT
    assert f"weakly in the five cells (p = {reduction.groups[0].pattern.p_greater:.1g})" in TEXT
    assert f"elsewhere (p = {reduction.groups[3].pattern.p_greater:.1g})" in TEXT
    labels, following, expected, p = count(normal.following)
    assert f"**{following} of {labels} labels follow the pattern**" in TEXT
    assert f"compared with {expected} expected by chance (p = {float(p):.1g})" in TEXT
    shown = (
        f"{following} of {labels} labels (a label is an algorithm, or one paper's runs of it) show"
    )
    assert shown in README
    assert f"compared with {expected} expected by chance (p = {float(p):.1g})" in README
    labels, following, expected, p = count(normal.others_following)
    assert f"Of the {labels} labels that the paper did not examine, {following} follow it" in TEXT
    assert f"compared with {expected} expected by chance (p = {p})" in TEXT
    labels, following, expected, p = count(reduction.following)
    by_chance = f"compared with {expected} expected by chance (p = {p})"
    assert f"{following} of {labels} labels follow it, {by_chance}" in TEXT
    least = {group.label for group in normal.algorithms[-5:] if group.depth > group.expected_depth}
    assert least == {"GDAS", "NoisyDARTS", "XNAS", "PR-DARTS", "SDARTS-RS"}
    significant = [
        g.label for g, p in zip(normal.algorithms, normal.adjusted, strict=True) if p <= 0.05
    ]
    assert f"Only {', '.join(significant[:-1])} and {significant[-1]} are significant" in TEXT


def test_one_wiring_and_the_labels() -> None:
    chance = survey("normal, fractional").following.chance
    assert f"with a probability of only {chance['XNAS']:.2f}" in TEXT  # it has one cell
    cells = [cell for cell in score_cells(cells_in("published"))[0] if cell.algorithm != CONTROL]
    papers = {cell.paper for cell in cells}
    assert f"{count_following(cells).labels} are labels, from {len(papers)} papers" in TEXT
