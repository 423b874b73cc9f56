import dataclasses

import numpy as np
import pytest

from nascope._src.probes import curvature
from nascope._src.probes.curvature import compute_curvature
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues, spectrum
from nascope._src.probes.lipschitz import block_lipschitz, cell_blocks, matrix_blocks
from nascope._src.probes.settings import CurvatureSettings

SETTINGS = CurvatureSettings(top=2, vectors=2, steps=4, block_steps=3, points=2, seed=5)


def test_it_is_all_that_the_settings_ask_for(mlp):
    risk, _ = mlp
    shares = []
    arrays = compute_curvature(risk, SETTINGS, progress=lambda share, _: shares.append(share))
    ends = eigenvalues(risk, 2, seed=5)
    parts = [
        ends.arrays(),
        spectrum(risk, vectors=2, steps=4, known=ends.krylov, seed=5),
        block_lipschitz(risk, cell_blocks(risk), steps=3, seed=5),
        Grid.square(2).coordinates(),
    ]
    for part in parts:
        for name, values in part.items():
            np.testing.assert_array_equal(arrays[name], values, err_msg=name)
    assert arrays["along_first"].shape == (2, 2)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_parts_that_are_not_asked_for_are_left_out(mlp):
    risk, _ = mlp
    none = CurvatureSettings(top=1, vectors=0, blocks="none", points=0)
    assert compute_curvature(risk, none).keys() == eigenvalues(risk, 1).arrays().keys()
    matrices = dataclasses.replace(none, blocks="matrices")
    names = compute_curvature(risk, matrices)["blocks"]
    assert list(names) == list(matrix_blocks(risk))


def test_finished_parts_are_kept(mlp, tmp_path, monkeypatch):
    risk, _ = mlp
    whole = compute_curvature(risk, SETTINGS)

    class Killed(Exception):
        pass

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(curvature, "block_lipschitz", kill)
        with pytest.raises(Killed):
            compute_curvature(risk, SETTINGS, chunks=tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert {path.parent.name for path in times} == {"eigenvalues", "spectrum"}
    arrays = compute_curvature(risk, SETTINGS, chunks=tmp_path)
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    for name, values in whole.items():
        np.testing.assert_array_equal(arrays[name], values, err_msg=name)
