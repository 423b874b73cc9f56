"""An invented study."""

import pytest

from tests.report import synthetic


@pytest.fixture
def folder(tmp_path):
    return synthetic.write_study(tmp_path, synthetic.STUDIES["hostile"](), name="hostile")
