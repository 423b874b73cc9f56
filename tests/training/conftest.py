import pytest

from nascope._src.data.datasets import load_data


@pytest.fixture(scope="session")
def digits():
    return load_data("digits", train_size=200, test_size=60)
