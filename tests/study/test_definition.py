"""A study as data."""

import pytest

from nascope._src.errors import StudyError
from nascope._src.probes.settings import LandscapeSettings, VarianceSettings
from tests.study.little import changed


def test_values_that_overflow_are_refused():
    for changes, message in (
        (
            {"learning_rates": (1e300,)},
            r"learning_rate: expected a number above 0 and at most 1e\+30",
        ),
        ({"seeds": (-1,)}, "seeds must be at least 0, not -1"),
    ):
        with pytest.raises(StudyError, match=message):
            changed(**changes)
    with pytest.raises(StudyError, match=r"landscape.points: expected an integer from 1 to 1001"):
        LandscapeSettings(points=10**9)
    with pytest.raises(
        StudyError, match=r"variance.radius: expected a number above 0 and at most 1e\+06"
    ):
        VarianceSettings(points=3, radius=1e300)
