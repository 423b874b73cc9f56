"""Texts of cells: valid ones of every format, with random edits, and random pieces."""

from __future__ import annotations

import json
import random

from nascope._src.cells import catalog
from nascope._src.cells.formats.reading import FORMATS, parse, write
from nascope._src.errors import GenotypeError

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
