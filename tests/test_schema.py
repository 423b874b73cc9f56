"""A declaration says what a field accepts; unknown keys and wrong values are named."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, Lt

from nascope._src import schema
from nascope._src.errors import SettingError, StudyError


@schema.document
@dataclass(frozen=True)
class Circle:
    """A circle on the screen."""

    radius: Annotated[float, Gt(0), Lt(100), "Radius in pixels."] = 1.0
    sides: Annotated[int | None, Ge(3), "Number of sides; a smooth circle if not given."] = None
    width: Annotated[int, Ge(0), Le(9), "Width of the line in pixels."] = 1
    colour: Annotated[Literal["red", "blue"], "Colour of the line."] = "red"
    filled: Annotated[bool, "Fill the circle."] = False
    label: Annotated[str, "Text next to the circle."] = ""
    size: Annotated[float | Literal["auto"], Gt(0), "Size of the text."] = "auto"

    def __post_init__(self) -> None:
        schema.check(self, "circle")


@pytest.mark.parametrize(
    ("name", "expected", "good", "bad"),
    [
        ("radius", "a number above 0 and below 100", [0.5, 1, np.float32(2)], [0, 100.0, math.nan, True, "1", None]),
        ("sides", "an integer of at least 3", [None, 3, np.int64(5)], [2, 3.0, True]),
        ("width", "an integer from 0 to 9", [0, 9], [-1, 10, 1.0, None]),
        ("colour", "one of red, blue", ["blue"], ["green", None, 1]),
        ("filled", "true or false", [True], [1, "true", None]),
        ("label", "text", ["a", ""], [1, None]),
        ("size", "a number above 0 or auto", ["auto", 1, 0.5], ["large", 0, None, True]),
    ],
)  # fmt: skip
def test_a_declaration_says_what_it_accepts(name, expected, good, bad):
    declaration = schema.declarations(Circle)[name]
    assert declaration.expected == expected
    assert all(declaration.accepts(value) for value in good)
    assert not any(declaration.accepts(value) for value in bad)
    for value in good:
        assert getattr(Circle(**{name: value}), name) == value
    for value in bad:
        with pytest.raises(SettingError) as caught:
            Circle(**{name: value})
        assert (caught.value.key, caught.value.problem) == (
            f"circle.{name}", f"expected {expected}, got {value!r}",
        )  # fmt: skip


def test_the_docstring_lists_the_fields():
    assert Circle.__doc__.startswith("A circle on the screen.\n\nArgs:\n    radius: Radius in pix")


def test_fields_are_replaced_by_what_a_user_wrote():
    replaced = schema.replaced(Circle(), {"radius": 2, "filled": True}, where="")
    assert (replaced, type(replaced.radius)) == (Circle(2.0, filled=True), float)
    assert schema.replaced(Circle(size=2), {"size": "auto"}, where="").size == "auto"
    with pytest.raises(SettingError, match="x.radios: unknown key; did you mean radius?"):
        schema.replaced(Circle(), {"radios": 1}, where="x.")
    with pytest.raises(SettingError, match="x.zzz: unknown key; known are radius, sides, width"):
        schema.replaced(Circle(), {"zzz": 1}, where="x.")


def test_the_error_is_one_of_a_study_and_reaches_other_processes():
    error = SettingError("circle.radius", "expected a number")
    assert isinstance(error, StudyError)
    assert str(pickle.loads(pickle.dumps(error))) == "circle.radius: expected a number"
