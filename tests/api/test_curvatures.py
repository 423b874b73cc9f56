import numpy as np
import pytest

import nascope
from nascope._src.probes.hessian import eigenvalues, spectrum
from nascope._src.results.stats.intervals import over_seeds


@pytest.fixture
def found(risk):
    return nascope.curvature(risk, top=2, vectors=4, steps=5, points=2, progress=False)


def test_a_risk(risk, found):
    ends = eigenvalues(risk, 2)
    expected = ends.arrays() | spectrum(risk, vectors=4, steps=5, known=ends.krylov)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert found.trace == over_seeds(expected["trace_samples"].tolist())
    frame = found.to_frame()
    assert frame["eigenvalue"].tolist() == [*expected["eigenvalues"], expected["smallest"]]
    assert list(found.lipschitz()["block"]) == ["0", "2"]
    density = found.density(points=2000)
    step = density["eigenvalue"].diff().iloc[-1]
    assert density["density"].sum() * step == pytest.approx(1, abs=1e-3)


def test_the_picture_and_the_words(found):
    assert found._repr_png_().startswith(b"\x89PNG")
    assert repr(found).startswith("Curvature(Sequential: largest eigenvalue ")
    assert " trace " in repr(found)
    assert len(repr(found)) < 200


def test_what_was_not_asked_for(risk):
    found = nascope.curvature(risk, top=1, vectors=0, blocks="none", points=0, progress=False)
    with pytest.raises(nascope.NascopeError, match="set vectors to 1 or more"):
        _ = found.trace
    with pytest.raises(nascope.NascopeError, match="set vectors to 1 or more"):
        found.density()
    with pytest.raises(nascope.NascopeError, match="set blocks to"):
        found.lipschitz()
    assert "trace" not in repr(found)


def test_a_trained_network(trained, tmp_path):
    settings = {"top": 1, "vectors": 2, "steps": 2, "blocks": "none", "points": 0}
    found = nascope.curvature(trained, instances=10, progress=False, **settings)
    again = nascope.load(found.save(tmp_path / "c.npz"))
    assert again.trace == found.trace
    assert again.settings["instances"] == 10
