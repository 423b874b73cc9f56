"""The census of named spaces, and ranks in it."""

from fractions import Fraction

import pytest

from nascope._src.cells.spaces.census import Point
from nascope._src.cells.spaces.named import named_space

KEYS = (("independent", 4), ("independent", 5), ("darts", 4))


def test_the_counts_of_the_design_facts():
    assert [named_space("one-source", n).count() for n in (4, 5)] == [120, 720]
    assert [named_space("independent", n).count() for n in (4, 5)] == [14_400, 518_400]
    assert [named_space("darts", n).count() for n in (4, 5)] == [180, 2_700]
    assert (
        named_space("nas-bench-201").count()
        == named_space("nas-bench-201").census().total
        == 15_625
    )
    four, five, darts = (named_space(*key).census().counts for key in KEYS)
    assert four[Point(4, Fraction(4), 2)] == 256
    assert five[Point(5, Fraction(5), 2)] == 1_024
    assert {at: n for at, n in darts.items() if at.fractional_width >= 3.5} == {
        Point(4, Fraction(4), 2): 1,
        Point(3, Fraction(7, 2), 3): 12,
    }


@pytest.mark.parametrize("nodes", [9, 11])
def test_large_censuses_are_whole(nodes):
    for name in ("darts", "independent", "nasnet"):
        census = named_space(name, nodes).census()
        assert census.total == named_space(name, nodes).count()
        assert sum(census.marginal("strict").values()) == census.total
        widest = [n for at, n in census.counts.items() if at.strict_width == nodes]
        assert widest == [1 if name == "darts" else 4**nodes]
