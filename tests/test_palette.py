"""Looks: distinct, and legible on their ground."""

import itertools

import pytest

from nascope._src.palette import cell_look, colours_at


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("index", range(8))
def test_names_in_a_cells_colour_are_legible(index: int) -> None:
    look = cell_look(index)
    assert contrast(look.colour, "#ffffff") >= 4.5
    assert contrast(look.dark, "#1a1e23") >= 4.5


def test_looks_are_distinct() -> None:
    looks = [cell_look(index) for index in range(29)]
    for one, other in itertools.combinations(looks, 2):
        assert (one.colour, one.dash, one.marker) != (other.colour, other.dash, other.marker)


def test_neighbours_differ_without_colour() -> None:
    for index in range(60):
        assert cell_look(index).dash != cell_look(index + 1).dash
        assert cell_look(index).marker != cell_look(index + 1).marker


def test_the_ends_of_a_map_are_its_ends() -> None:
    assert colours_at(("#102030", "#405060"), [-1.0, 0.0, 1.0, 2.0]) == [
        "#102030",
        "#102030",
        "#405060",
        "#405060",
    ]
