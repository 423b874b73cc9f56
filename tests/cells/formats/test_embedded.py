"""Genotypes within other text."""

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.formats.embedded import find_all, is_complete, without_stamp
from nascope._src.cells.formats.reading import parse, read, read_file
from nascope._src.cells.genotype import format_text
from nascope._src.errors import GenotypeError

DARTS = load_cell("DARTS")
TEXT = format_text(DARTS)
DOUBLED = TEXT.replace("'", "''")
WRAPPED = TEXT.replace("], ", "],\n  ")


@pytest.mark.parametrize(
    "text",
    [
        f"genotype: {WRAPPED}\nseed: 3\n",
        f"genotype: '{DOUBLED}'\n",
        f"genotype: '{DOUBLED}'\n".replace("], ", "],\n    "),
        'genotype: "{}"\n'.format(TEXT.replace("], ", "], \\\n  \\ ")),
        f"2024-05-01 12:00:00,123 genotype = {TEXT}",
        f"The best one is {WRAPPED}, as far as we know.",
        f"def f(x):\n    print x\n\nGenotype = namedtuple('Genotype', 'normal')\nBEST = {TEXT}\n",
        f"class Genotype(NamedTuple): ...\nwon't parse\n{TEXT}",
    ],
)
def test_other_text_around_a_genotype(text):
    assert parse(text) == DARTS


def test_names_in_yaml(tmp_path):
    path = tmp_path / "cells.yaml"
    path.write_text(f"first: '{DOUBLED}'\nsecond: >-\n  {WRAPPED}\ngenotype: {TEXT}\n: no Python")
    assert read_file(path, "first").genotype == DARTS
    assert [found.name for found in find_all(path.read_text())] == ["first", None, None]
    with pytest.raises(GenotypeError, match="3 genotypes here, first, .unnamed."):
        read_file(path)


def test_structures_as_nas_bench_201_prints_them():
    text = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|none~2|"
    assert read(f"Structure(4 nodes with {text})").genotype == parse(text)
    assert [found.text for found in find_all(f"a {text}, b {text}")] == [text, text]


def test_whether_a_genotype_is_complete():
    assert not is_complete("genotype = Genotype(")
    assert not is_complete(TEXT[:-1])
    assert is_complete(f"x {TEXT}")
    assert not is_complete("no Genotype here")


@pytest.mark.parametrize(
    "stamp", ["08/14 09:12:02 PM ", "2019-04-01 12:00:01,123 ", "2024-05-01T12:00:01 ", ""]
)
def test_stamps_of_loggers(stamp):
    assert without_stamp(f"{stamp}reduce=[1]") == "reduce=[1]"
    assert without_stamp(f"{stamp}1, 2]") == "1, 2]"
