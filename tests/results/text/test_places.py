"""What the paper's figures show here, in lines of text."""

from __future__ import annotations

import dataclasses
import math

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.wiring import published_variant
from nascope._src.results.findings.pairs import Pair
from nascope._src.results.findings.places import (
    Convergence,
    FamilyPlace,
    Gap,
    place_in_family,
    topology_of_family,
)
from nascope._src.results.measures import ACCURACY, AREA
from nascope._src.results.stats.contrasts import contrast
from nascope._src.results.text.places import (
    chance_text,
    convergence_line,
    difference_text,
    diverged_text,
    gap_text,
    growth_line,
    place_line,
    topology_line,
    variants_line,
    widths_line,
)
from tests.results import handmade, planted
from tests.results.handmade import LOST

STANDING = contrast({"F": (2.0, [1.0, 2.0, 3.0, 4.0])}).standings[0]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (FamilyPlace(AREA, None, None), "area: not measured yet"),
        (FamilyPlace(AREA, 2.0, None), "area 2.00"),
        (FamilyPlace(AREA, LOST, None, diverged=True), "area diverged"),
        (FamilyPlace(AREA, LOST, None), "area not finite"),
        (
            FamilyPlace(AREA, 2.0, STANDING, (1.0, 2.0, 3.0, 4.0)),
            "area 2.00, tied for the 2nd lowest of 5 (variants 1.00 to 4.00)",
        ),
        (
            FamilyPlace(ACCURACY, 2.0, STANDING, (1.0, 2.0)),
            "area 2.00, tied for the 2nd highest of 5 (variants 1.00 to 2.00)",
        ),
        (
            FamilyPlace(AREA, 2.0, STANDING, variants_diverged=True),
            "area 2.00, tied for the 2nd lowest of 5 (variants all diverged)",
        ),
        (
            FamilyPlace(AREA, 2.0, STANDING),
            "area 2.00, tied for the 2nd lowest of 5 (variants none finite)",
        ),
    ],
)
def test_a_place_has_a_number_and_a_rank(place: FamilyPlace, text: str) -> None:
    assert place_line(place, "area") == text


def test_the_place_of_a_family_by_hand() -> None:
    family = handmade.family([0.7], [0.6], [LOST])
    line = place_line(place_in_family(family, ACCURACY), "accuracy (%)")
    assert line == "accuracy (%) 70.0, the highest of 3 (variants 60.0 to 60.0)"


def test_gaps_are_ratios() -> None:
    assert gap_text(Gap(math.log(0.9), 0, 5)) == "−10.0 %"
    assert gap_text(Gap(math.log(1.25), 2, 5)) == "+25.0 % (2 of 5 diverged)"


@pytest.mark.parametrize(
    ("logs", "end"),
    [
        ([-0.1], "against the mean variant: nothing to compare at two rates yet"),
        ([-0.1, -0.2], "−9.5 % at 0.025, −18.1 % at 0.25: the lead grows with the rate"),
        ([-0.2, -0.1], "the lead does not grow with the rate"),
        ([0.2, 0.1], "behind at every rate, but less so at larger rates"),
    ],
)
def test_whether_the_lead_grows(logs: list[float], end: str) -> None:
    gaps = {rate: Gap(log, 0, 5) for rate, log in zip((0.025, 0.25), logs, strict=False)}
    assert growth_line(gaps).startswith("area under the training loss against the mean variant: ")
    assert growth_line(gaps).endswith(end)


def test_a_rank_and_its_chance() -> None:
    assert chance_text(STANDING) == (
        "2nd best of 5 (1 equal to it); by chance, the probability of such a rank or a better one "
        "is 60 %, and that some variant beats the original 80 %"
    )
    first = contrast({"F": (0.0, [1.0, 2.0, 3.0])}).standings[0]
    assert chance_text(first).startswith("the best of 4; by chance, ")
    assert "is 25 %" in chance_text(first)


def test_convergence_and_divergence() -> None:
    assert convergence_line(Convergence(91.2, 99.6, True)) == (
        "training accuracy 91 to 100 %: converged"
    )
    assert convergence_line(Convergence(50.0, 99.0, False)).endswith("have not converged")
    lost = planted.diverged(handmade.trial("a", 0, 1.0))
    other = dataclasses.replace(lost, label="b")
    assert diverged_text([handmade.trial("a", 0, 1.0)]) == ""
    assert diverged_text([lost, other, lost]) == "; diverged: a (2), b"


PAIR = Pair("F", "cifar10", 1, 0.97, 0.96, -0.01, -0.02, 0.0, False, 5, 3, 0.031)


@pytest.mark.parametrize(
    ("pair", "text"),
    [
        (
            PAIR,
            "difference +1.00 [+0.00, +2.00], undecided (margin ±0.5 percentage points); "
            "McNemar's p = 0.031",
        ),
        (dataclasses.replace(PAIR, low=math.nan), "difference +1.00, interval unknown"),
    ],
)
def test_differences_of_test_errors(pair: Pair, text: str) -> None:
    """In test errors: a lower accuracy is a larger error."""
    assert difference_text(pair) == text


def test_the_p_value_is_that_of_the_first_seed() -> None:
    several = dataclasses.replace(PAIR, seeds=3)
    assert difference_text(several).endswith("McNemar's p of the first seed's pair = 0.031")
    without_images = dataclasses.replace(several, p=math.nan)
    assert difference_text(without_images).endswith("percentage points)")


def test_topologies_of_a_family() -> None:
    original = load_cell("DARTS")
    cells = {"DARTS": original} | {f"p{k}": published_variant(original, k) for k in range(1, 5)}
    family = topology_of_family("DARTS", cells)
    assert topology_line(family) == (
        "DARTS is 3.5c (strict 3c) wide and 3 deep; of 4 variants, 3 narrower and 2 deeper"
    )
    assert topology_line(topology_of_family("ENAS", {"ENAS": load_cell("ENAS")})) == (
        "ENAS is 5c wide and 2 deep"
    )
    line = variants_line(family, as_published=False, note="")
    assert line.startswith("variants of DARTS, by the published convention of width: 3 of 4 ")
    assert line.endswith(
        "agrees in part, not for p3 (equally deep), p4 (equally wide, equally deep)"
    )
    noted = variants_line(family, as_published=True, note="Their seeds are unknown")
    assert noted.endswith(", as the paper's own figure shows them. Their seeds are unknown")


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        (("p1",), "agrees"),
        (("p1", "p2", "p4"), "agrees except for p4 (equally wide, equally deep)"),
        (("p4",), "contradicted by p4 (equally wide, equally deep)"),
    ],
)
def test_exceptions_among_variants(labels: tuple[str, ...], state: str) -> None:
    original = load_cell("DARTS")
    cells = {"DARTS": original} | {k: published_variant(original, int(k[1:])) for k in labels}
    line = variants_line(topology_of_family("DARTS", cells), as_published=False, note="")
    assert line.endswith(f"deeper: {state}")


def test_published_widths() -> None:
    assert widths_line({"a": True, "b": True}) == "width and depth of 2 cells are the paper's"
    assert widths_line({"a": True, "b": False}) == "width and depth of 2 cells differ for b"
