"""Text from files that is safe to print."""

import doctest
import io

import pytest

from nascope._src.runtime import printable as module
from nascope._src.runtime.printable import PrintableStream, printable, unfiltered


def test_docstrings():
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("DARTS-r1 ä 中 é", "DARTS-r1 ä 中 é"),
        ("\N{FAMILY}\u200d\N{HEAVY BLACK HEART}", "\N{FAMILY}\u200d\N{HEAVY BLACK HEART}"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\r\x9b", "a\\nb\\r\\x9b"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_characters_that_cannot_be_printed_are_escaped(text, shown):
    assert printable(text) == shown


def test_a_stream_keeps_lines_and_tabs():
    stream = PrintableStream(io.StringIO())
    print("a\tb", "\x1b[31m", file=stream)
    stream.writelines(["\u202e\n"])
    assert stream.getvalue() == "a\tb \\x1b[31m\n\\u202e\n"
    assert unfiltered(stream) is stream.stream
    assert unfiltered(stream.stream) is stream.stream
