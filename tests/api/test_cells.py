import pytest

import nascope


def test_cells_by_name_file_and_text(tmp_path):
    darts = nascope.load_cell("darts")
    path = tmp_path / "mine.txt"
    path.write_text(str(darts))
    assert nascope.load_cell(str(path)) == darts
    assert nascope.load_cell(str(darts)) == darts
    with pytest.raises(nascope.NascopeError, match="did you mean DARTS"):
        nascope.load_cell("DRATS")
    with pytest.raises(nascope.NascopeError, match="the name of a cell such as 'DARTS'"):
        nascope.load_cell(3)


def test_topology_takes_a_cell_a_genotype_or_a_name():
    darts = nascope.load_cell("DARTS")
    assert nascope.topology("DARTS") == nascope.topology(darts) == nascope.topology(darts.normal)
    reduction = nascope.topology("DARTS", "reduce")
    assert reduction == nascope.topology(darts.reduce, "reduce") != nascope.topology("DARTS")
    with pytest.raises(nascope.NascopeError, match="kind to be normal or reduce, but got 'both'"):
        nascope.topology("DARTS", "both")


def test_variants_of_names_with_fixed_seeds():
    assert nascope.random_variant("DARTS") == nascope.random_variant(nascope.load_cell("DARTS"), 0)
    assert (
        nascope.random_variant("DARTS", 3, cells=["normal"]).reduce
        == nascope.load_cell("DARTS").reduce
    )
    wide, deep = (nascope.random_variant("DARTS", 3, level=level) for level in ((4, 2), (1.5, 5)))
    assert [e.operation for e in wide.normal.edges] == [e.operation for e in deep.normal.edges]
    assert nascope.topology(deep).depth == 5
    study = nascope.Study("DARTS", design={"kind": "contrast"}, training={"scale": "tiny"})
    assert "4 cells, 4 trials" in repr(study)
    with pytest.raises(nascope.NascopeError, match="expected a level as"):
        nascope.random_variant("DARTS", level=4)
    assert nascope.published_variant("AmoebaNet", 1) == nascope.published_variant("AmoebaNet")
    network = nascope.Network("SNAS", channels=4, layers=3)
    assert len(repr(network)) < 100
