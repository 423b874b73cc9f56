"""The examples in the docstrings of this layer run."""

import doctest

import pytest

from nascope._src.reproduce import theorems, words
from nascope._src.results.paper import targets


@pytest.mark.parametrize("module", [targets, theorems, words])
def test_examples_run(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
