"""The rank of a cell in a space."""

import random
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.spaces.census import CONVENTIONS, point
from nascope._src.cells.spaces.named import named_space
from nascope._src.cells.wiring import published_variant


def test_ranks_of_the_papers_cells():
    rank = named_space("darts").rank(load_cell("DARTS").normal)
    assert rank["fractional"].as_wide == Fraction(13, 180)
    assert rank["strict"].as_wide == Fraction(17, 180)
    nasnet = named_space("nasnet").rank(load_cell("NASNet").normal)["strict"]
    assert nasnet.both == nasnet.as_wide == Fraction(1024, 518_400)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_a_rank_is_a_share_of_the_enumeration(seed):
    within = named_space("independent", 3)
    cell = within.cell(within.sample(random.Random(seed)))
    here = point(cell)
    for convention in CONVENTIONS:
        wide = shallow = both = 0
        for wiring in within.wirings():
            at = point(within.cell(wiring))
            wide += at.width(convention) >= here.width(convention)
            shallow += at.depth <= here.depth
            both += at.width(convention) >= here.width(convention) and at.depth <= here.depth
        shares = [Fraction(n, within.count()) for n in (wide, shallow, both)]
        assert list(within.rank(cell)[convention]) == shares


def test_a_kept_concat_enters_the_rank():
    """A.2 keeps AmoebaNet's concat, so its depth is compared under the same concat."""
    cell = load_cell("AmoebaNet").normal
    within = named_space("independent").for_cell(cell)
    assert within.concat == (4, 5, 6)
    shallow = sum(n for at, n in within.census().counts.items() if at.depth <= point(cell).depth)
    assert named_space("independent").rank(cell)["strict"].as_shallow == Fraction(shallow, 518_400)
    generator = random.Random(1)
    draws = [point(published_variant(load_cell("AmoebaNet"), s).normal).depth for s in range(2000)]
    assert abs(sum(d <= 4 for d in draws) / 2000 - shallow / 518_400) < 0.04
    assert point(within.cell(within.sample(generator, depth=3))).depth == 3
