"""Fetching CIFAR by name, where there is internet, through huggingface_hub (an extra)."""

from __future__ import annotations

from pathlib import Path

from nascope._src.errors import DataError

HUB_NAMES = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}


def download(name: str, data_dir: str | Path) -> Path:
    """Fetch a data set's Parquet files into ``data_dir/name``, where `load_data` finds them.

    Raises:
        DataError: the name is unknown, the extra is not installed, or the hub can't be reached.
    """
    if name not in HUB_NAMES:
        raise DataError(f"no download of {name!r}; there are {', '.join(HUB_NAMES)}")
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415  (an extra)
    except ImportError:
        raise DataError(
            "downloading needs the extra: pip install 'nascope[download]'; or put the files there "
            "by hand (docs/guides/data.md)"
        ) from None
    folder = Path(data_dir) / name
    try:
        snapshot_download(
            HUB_NAMES[name], repo_type="dataset", allow_patterns="*.parquet", local_dir=folder
        )
    except Exception as error:  # the hub's client raises those of several libraries
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise DataError(
            f"{name} could not be fetched from the Hugging Face hub ({reason[:200]}); where there "
            "is no internet put the files there by hand (docs/guides/data.md)"
        ) from None
    return folder
