"""The command line: thin verbs over the library. Each file here holds the commands of one layer."""

from nascope._src.cli.main import main

__all__ = ["main"]
