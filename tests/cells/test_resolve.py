"""What a user writes for a cell: a name, a file, a file's genotype, or a text."""

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import format_text
from nascope._src.cells.resolve import as_genotype, resolve_cell, resolve_reading
from nascope._src.cells.wiring import published_variant, random_variant
from nascope._src.errors import GenotypeError

DARTS = load_cell("DARTS")


def test_a_name_goes_before_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "DARTS").write_text(format_text(load_cell("SNAS")))
    assert resolve_cell("darts") == DARTS
    assert resolve_reading("DARTS").format == "catalogue"
    assert resolve_cell("./DARTS") == load_cell("SNAS")


def test_a_variant_is_known_by_its_name():
    assert resolve_cell("DARTS-r1") == random_variant(DARTS, 1)
    assert resolve_cell("darts-r1n") == random_variant(DARTS, 1, cells=["normal"])
    assert resolve_cell("DARTS-R1N") == resolve_cell("darts-r1n")
    assert resolve_cell("SNAS-p2") == published_variant(load_cell("SNAS"), 2)
    for name in ("DARTS-r12r", "ENAS-p3"):
        assert resolve_cell(name).name == name
    with pytest.raises(GenotypeError, match="no cell named 'DARTS-q1'"):
        resolve_cell("DARTS-q1")


def test_one_genotype_of_a_file_with_several(tmp_path):
    path = tmp_path / "cells.py"
    path.write_text(f"A = {format_text(DARTS)}\nB = {format_text(load_cell('SNAS'))}\n")
    assert resolve_cell(f"{path}:B") == load_cell("SNAS")
    with pytest.raises(GenotypeError, match="give one as FILE:NAME"):
        resolve_cell(str(path))


def test_a_text_is_read():
    assert resolve_cell(format_text(DARTS)) == DARTS
    assert resolve_reading("0 0 1 4 0 2 1 3").format == "enas"


def test_a_genotype_is_taken_as_it_is():
    assert as_genotype(DARTS) is DARTS
    assert as_genotype("DARTS") == DARTS
    with pytest.raises(GenotypeError, match="expected a Genotype or the name of a cell"):
        as_genotype(7)


@pytest.mark.parametrize(
    ("text", "said"),
    [("DART", "did you mean DARTS"), ("cells.py", "no such file"), ("a/b", "no such file")],
)
def test_what_is_neither_name_nor_file_is_refused(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GenotypeError, match=said):
        resolve_cell(text)
