"""Text from files that is safe to print.

A name or a message in a file may hold escape sequences, which a terminal obeys, line breaks, which
fake another line of output, or characters that reverse the direction of the text after them.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"  # part of words in several scripts, and of emoji
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats, half surrogate pairs, line breaks


def printable(text: str) -> str:
    """Return a text with an escape in place of each character that cannot be printed on one line.

    >>> print(printable("red\\x1b[31m, twice\\nas long"))
    red\\x1b[31m, twice\\nas long
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _UNSAFE:
        return character
    return character.encode("unicode_escape").decode()


class PrintableStream:
    """A stream whose text is `printable`, except for line breaks and tabs.

    Args:
        stream: where the text is written.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text with escapes; return its length."""
        if text.isascii() and text.isprintable():
            self.stream.write(text)
        else:
            self.stream.write("".join(c if c in "\n\t" else _escaped(c) for c in text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each text."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def unfiltered(stream: Any) -> Any:
    """Return the stream below a `PrintableStream`, for what draws with escape sequences."""
    return stream.stream if isinstance(stream, PrintableStream) else stream
