"""A network trained once, and a model that is not ours."""

import pytest
import torch

import nascope

TINY = {"epochs": 1, "channels": 2, "layers": 3}


@pytest.fixture(scope="session")
def digits():
    return nascope.load_data("digits", train_size=100, test_size=40)


@pytest.fixture(scope="session")
def trained(digits):
    return nascope.train("DARTS", digits, progress=False, keep=["epoch 0.5"], **TINY)


@pytest.fixture
def risk():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    return nascope.Risk(model, torch.randn(12, 3), torch.arange(12) % 2)
