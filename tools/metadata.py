"""Fill in the package's metadata when it is built: README as package indexes show it, and the URLs.

Links relative to the repository lead nowhere on a package index. If pyproject.toml names the
repository's address (``[tool.hatch.metadata.hooks.custom] repository``), they become absolute, and
the metadata list the project's URLs. Without an address, the text keeps the words and the paths,
and pictures are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<picture>!?)\[(?P<words>[^\]]*)\]\((?!\w+:|#)(?P<path>[^)\s]+)\)")
_WITHOUT_ADDRESS = "\nThe files named here are part of the source distribution.\n"
_PAGES = {
    "Homepage": "",
    "Documentation": "/tree/HEAD/docs",
    "Changelog": "/blob/HEAD/CHANGELOG.md",
    "Issues": "/issues",
}


def outside(text: str, address: str) -> str:
    """Return Markdown whose links and pictures work outside the repository.

    Args:
        text: Markdown with links relative to the repository's root.
        address: where the repository can be read, or "".
    """

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link["picture"] else "blob"
        return f"{link['picture']}[{link['words']}]({address}/{kind}/HEAD/{link['path']})"

    def plain(link: re.Match[str]) -> str:
        if link["picture"]:
            return ""
        named = link["words"] == link["path"]
        return f"`{link['path']}`" if named else f"{link['words']} (`{link['path']}`)"

    if address:
        return _LINK.sub(absolute, text)
    return re.sub(r"\n{3,}", "\n\n", _LINK.sub(plain, text)) + _WITHOUT_ADDRESS


class Metadata(MetadataHookInterface):
    """Hatchling's hook for the fields that pyproject.toml declares as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the long description and, if there is an address, the URLs."""
        address = str(self.config.get("repository", "")).rstrip("/")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": outside(text, address)}
        if address:
            metadata["urls"] = {title: address + page for title, page in _PAGES.items()}
