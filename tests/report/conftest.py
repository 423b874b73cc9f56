"""Fixtures that the tests of the report share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.synthetic import STUDIES, write_study


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study that has everything that is judged."""
    folder = tmp_path_factory.mktemp("judged")
    return write_study(folder, STUDIES["judged"](), name="judged")
