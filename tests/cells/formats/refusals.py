"""How the tests of the formats check that a text is refused."""

import pytest

from nascope._src.cells.formats.reading import parse
from nascope._src.errors import GenotypeError


def assert_refused(text, said):
    """The reader refuses a text in one short message that has certain words."""
    with pytest.raises(GenotypeError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500
