"""Forecasts."""

from unittest.mock import Mock

import pytest

from nascope._src.errors import StudyError
from nascope._src.records.paths import StudyPaths
from nascope._src.study.calibration import forecast
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.missing import find_missing
from nascope._src.study.tasks import make_work_list
from tests.study.little import STUDY


def test_a_failed_calibration_gives_its_reason_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "nascope._src.study.calibration.time_steps", Mock(side_effect=ValueError("odd"))
    )
    plan = STUDY.plan(STUDY.load_data())
    work = make_work_list(find_missing(StudyPaths(tmp_path), plan), tmp_path, None, "cpu")
    with pytest.raises(StudyError, match=r"^the calibration failed: ValueError: odd$"):
        forecast(work, SerialEngine(), tmp_path, workers=1, data_dir=None)
