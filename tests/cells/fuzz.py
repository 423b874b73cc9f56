"""Fuzz the readers: each input gives a genotype or a clean error; no crash, no hang, no file.

    python -m tests.cells.fuzz --count 1000000 [--seed 0]

Inputs are random text, and texts of every format with random edits. While one is read, an audit
hook forbids what a reader has no business doing: opening files, running programs, connecting. The
last line printed is a JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import unicodedata  # Python's own parser imports it at the first non-ASCII name
from collections import Counter

from nascope._src.cells import catalog
from nascope._src.cells.formats.reading import FORMATS, parse, write
from nascope._src.cells.resolve import resolve_cell
from nascope._src.errors import GenotypeError

FORBIDDEN = ("open", "exec", "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "import")
PIECES = (
    *"()[]{},:=|+~'\"\\\n\t #-_.0123456789", "none", "null", "None", "True", "NaN", "1e999", "-1",
    "range(2, 6)", "range(0, 999999999)", "Genotype(", "normal=", "normal_concat=", "reduce=",
    "reduce_concat=", "('skip_connect', 0)", "['conv 3x3', 1, 2]", "|nor_conv_3x3~0|", "lambda: 0",
    "__import__('os').system('true')", "open('/etc/passwd')", "\ufeff", "\x00", "\ud800", "é", "🙂",
    "9" * 30, '"genotype"', "import os\n", "A = B\n", "f'{x}'", "operations = [", "\\u0000", "*", "**",
)  # fmt: skip


def seeds() -> list[str]:
    """Valid texts of every format, to be damaged."""
    texts = []
    for group in ("paper", "published"):
        for entry in (
            catalog.cells_in(group)[::20] if group == "published" else catalog.cells_in(group)
        ):
            for form in FORMATS:
                try:
                    texts.append(write(entry.genotype, form))
                except GenotypeError:
                    continue
    tabular = parse(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"
    )
    texts += [write(tabular, "nas-bench-201")]
    texts += ['{"matrix": [[0,1,1],[0,0,1],[0,0,0]], "ops": ["input","conv3x3-bn-relu","output"]}']
    both = f"A = {texts[0]}\nB = A\n"
    return [*texts, both, json.dumps({"a": json.loads(write(catalog.load("SNAS"), "json"))})]


def damaged(generator: random.Random, texts: list[str]) -> str:
    """A text with a few random edits, or nothing but random pieces."""
    if generator.random() < 0.2:
        return "".join(generator.choices(PIECES, k=generator.randrange(1, 60)))
    text = generator.choice(texts)
    if generator.random() < 0.3:  # well-formed text with another meaning
        digits = [place for place, c in enumerate(text) if c.isdigit()]
        for place in generator.choices(digits, k=generator.randrange(1, 4)) if digits else ():
            text = text[:place] + generator.choice("0123456789") + text[place + 1 :]
        return text
    for _ in range(generator.randrange(1, 6)):
        start = generator.randrange(len(text) + 1)
        stop = min(len(text), start + generator.choice((0, 1, 1, 2, 8, 40)))
        match generator.randrange(4):
            case 0:
                middle = generator.choice(PIECES)
            case 1:
                middle = text[start:stop] * generator.choice((0, 2, 3, 50))
            case 2:
                middle = chr(generator.randrange(1, 0x3000))
            case _:
                other = generator.choice(texts)
                place = generator.randrange(len(other) + 1)
                middle = other[place : place + 20]
        text = text[:start] + middle + text[stop:]
        if not text:
            return text
    return text


class Watch:
    """An audit hook that is active only while an input is read."""

    def __init__(self) -> None:
        self.active = False
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.active and event.startswith(FORBIDDEN):
            self.active = False
            raise RuntimeError(f"a reader caused {event} {arguments!r}")


def run(count: int, seed: int = 0) -> dict[str, object]:
    """Read so many inputs; raises on the first that is neither a cell nor a clean error."""
    generator = random.Random(seed)
    texts = seeds()
    parse(texts[0])  # what is imported lazily is imported now
    assert unicodedata
    watch = Watch()
    outcomes: Counter[str] = Counter()
    slowest, longest = 0.0, ""
    for number in range(count):
        text = damaged(generator, texts)
        read = resolve_cell if number % 10 == 0 and text != "-" else parse
        start = time.perf_counter()
        watch.active = read is parse  # the command line's reader may open a file: its argument
        try:
            read(text)
            outcomes["cell"] += 1
        except GenotypeError as error:
            outcomes["error"] += 1
            message = str(error)
            assert message
            assert len(message) < 2000, message
        except BaseException:
            print(f"seed {seed}, input {number}: {text!r}", file=sys.stderr)
            raise
        finally:
            watch.active = False
        took = time.perf_counter() - start
        if took > slowest:
            slowest, longest = took, text
    return {
        "inputs": count,
        "seed": seed,
        **outcomes,
        "slowest_seconds": round(slowest, 4),
        "slowest_length": len(longest),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(json.dumps(run(options.count, options.seed)))


if __name__ == "__main__":
    main()
