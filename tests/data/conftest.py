"""Tests of data neither read nor write the user's cache and data."""

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch, request):
    if "cifar" not in request.keywords:
        monkeypatch.setenv("NASCOPE_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("NASCOPE_DATA", raising=False)
