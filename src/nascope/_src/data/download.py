"""Download CIFAR by name from the Hugging Face hub. Needs internet and the extra "download"."""

from __future__ import annotations

from pathlib import Path

from nascope._src.errors import DataError

HUB_NAMES = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}


def download_data(name: str, data_dir: str | Path) -> Path:
    """Download a data set's Parquet files into ``data_dir/name``, where `load_data` finds them.

    Args:
        name: a key of `HUB_NAMES`.
        data_dir: the data folder.

    Returns:
        The folder with the files.

    Raises:
        DataError: the name is unknown, the extra is not installed, or the hub is out of reach.
    """
    if name not in HUB_NAMES:
        raise DataError(f"Expected one of {', '.join(HUB_NAMES)} to download, not {name!r}")
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415  (an extra)
    except ImportError:
        raise DataError(
            "Downloading needs an extra: pip install 'nascope[download]'. Or put the files into "
            "the data folder yourself (docs/guides/data.md)"
        ) from None
    folder = Path(data_dir) / name
    try:
        snapshot_download(
            HUB_NAMES[name], repo_type="dataset", allow_patterns="*.parquet", local_dir=folder
        )
    except Exception as error:  # the hub's client raises errors of several libraries
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise DataError(
            f"Cannot download {name} from the Hugging Face hub ({reason[:200]}). Without internet, "
            "put the files into the data folder yourself (docs/guides/data.md)"
        ) from None
    return folder
