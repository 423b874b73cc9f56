"""Downloads from the Hugging Face hub, with a stand-in for its client."""

import sys
import types

import pytest

from nascope._src.data.download import download_data
from nascope._src.errors import DataError


@pytest.fixture
def hub(monkeypatch):
    """A client that writes a file, or raises an error if one is set."""
    client = types.ModuleType("huggingface_hub")
    client.calls, client.error = [], None

    def snapshot_download(repo, **options):
        client.calls.append((repo, options))
        if client.error is not None:
            raise client.error
        options["local_dir"].mkdir(parents=True)
        (options["local_dir"] / "train.parquet").write_bytes(b"PAR1")

    client.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    return client


def test_files_are_where_load_data_finds_them(hub, tmp_path):
    folder = download_data("cifar10", tmp_path)
    assert folder == tmp_path / "cifar10"
    assert (folder / "train.parquet").exists()
    ((repo, options),) = hub.calls
    assert repo == "uoft-cs/cifar10"
    assert options["repo_type"] == "dataset"
    assert options["allow_patterns"] == "*.parquet"


def test_an_unknown_name_is_refused(hub, tmp_path):
    with pytest.raises(DataError, match="Expected one of cifar10, cifar100 to download, not 'x'"):
        download_data("x", tmp_path)
    assert hub.calls == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError("no route\nto host"), r"\(no route\)"), (ValueError(), r"\(ValueError\(\)\)")],
)
def test_a_failure_gives_its_first_line(hub, tmp_path, error, reason):
    hub.error = error
    with pytest.raises(DataError, match=f"Cannot download cifar10 .* {reason}"):
        download_data("cifar10", tmp_path)


def test_a_missing_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DataError, match=r"pip install 'nascope\[download\]'"):
        download_data("cifar10", tmp_path)
