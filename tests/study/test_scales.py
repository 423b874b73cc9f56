from dataclasses import fields

import pytest

from nascope._src.errors import StudyError
from nascope._src.study.scales import SCALES, find_scale
from nascope._src.training.recipe import RECIPES, Recipe


def test_the_papers_scale_is_the_papers_recipe():
    assert SCALES["paper"].recipe("section4") == RECIPES["section4"]
    assert SCALES["paper"].recipe("table1") == RECIPES["table1"]
    assert SCALES["paper"].train_size is None


def test_scales_change_known_fields_only():
    names = {field.name for field in fields(Recipe)}
    assert all(set(scale.overrides) <= names for scale in SCALES.values())


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(StudyError, match="no scale 'huge'; there are tiny, small, paper"):
        find_scale("huge")
    with pytest.raises(StudyError, match="no recipe 'soup'; there are section4, table1"):
        SCALES["tiny"].recipe("soup")
