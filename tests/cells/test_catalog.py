"""The catalogue: what ships, where it comes from, that it reads."""

import json
from importlib import resources

import pytest

from nascope._src.cells import catalog
from nascope._src.cells.spaces.named import SPACES, named_space
from nascope._src.errors import GenotypeError


def test_what_ships():
    sizes = {group: len(catalog.names(group)) for group in catalog.GROUPS}
    assert sizes == {"paper": 5, "adapted": 4, "published": 185}


@pytest.mark.parametrize("group", catalog.GROUPS)
def test_every_entry_has_its_source(group):
    for entry in catalog.cells_in(group):
        assert entry.source
        assert entry.paper
        assert entry.algorithm
        assert entry.space in SPACES
        assert entry.group == group
        assert entry.genotype.name


def test_names_differ_even_in_lower_case():
    every = [name.lower() for group in catalog.GROUPS for name in catalog.names(group)]
    assert len(set(every)) == len(every)


def test_normal_cells_are_in_the_space_they_were_searched_in():
    outside = []
    for group in ("paper", "published"):
        for entry in catalog.cells_in(group):
            try:
                named_space(entry.space).for_cell(entry.genotype.normal)
            except GenotypeError:
                outside.append(entry.genotype.name)
    assert outside == []


def test_the_large_file_is_read_only_when_it_is_needed():
    catalog._records.cache_clear()
    catalog.load("DARTS")
    assert catalog._records.cache_info().misses == 1


@pytest.mark.parametrize(("name", "hint"), [("DRTS", "DARTS"), ("sgas_cri1_cifar_11", "SGAS_Cri1")])
def test_a_near_name_is_suggested(name, hint):
    with pytest.raises(GenotypeError, match=f"did you mean {hint}"):
        catalog.load(name)
    with pytest.raises(GenotypeError, match="unknown group"):
        catalog.names("all")


def test_files_are_plain_json():
    for file in ("catalog.json", "published.json"):
        json.loads(resources.files("nascope._src.cells").joinpath(file).read_text(encoding="utf-8"))
