"""Weights on the way that are asked for after the fact."""

import dataclasses

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.training import loop
from nascope._src.training.checkpoint import load_checkpoint
from nascope._src.training.files import AGAIN, snapshot_folder
from nascope._src.training.moments import Moment
from tests.cases import train
from tests.training.checks import SHORT, Killed, assert_same


def test_weights_are_kept_after_the_fact_whatever_an_earlier_try_was_for(digits, tmp_path):
    """A repeated training that was killed past a moment that is asked for now begins anew."""
    path, arguments = tmp_path / "c.safetensors", (load_cell("DARTS"), digits, SHORT)
    one, two = Moment.parse("epoch 1"), Moment.parse("epoch 2")
    train(*arguments, seed=0, path=tmp_path / "whole.safetensors", keep=[one, two])
    train(*arguments, seed=0, path=path)
    before = path.read_bytes()

    def kill(share, words):
        if share > 0.5:
            raise Killed

    with pytest.raises(Killed):
        train(*arguments, seed=0, path=path, keep=[two], progress=kill)
    again = snapshot_folder(path) / AGAIN
    assert len(load_checkpoint(again).records["epochs"]) == 1
    train(*arguments, seed=0, path=path, keep=[one, two])
    assert not again.exists()
    for moment in (one, two):
        kept = load_checkpoint(moment.path(snapshot_folder(path)))
        assert_same(kept, load_checkpoint(moment.path(tmp_path / "whole-snapshots")))
    again.write_bytes(b"damaged")
    one.path(snapshot_folder(path)).unlink()
    train(*arguments, seed=0, path=path, keep=[one, two])
    assert one.path(snapshot_folder(path)).exists()
    assert path.read_bytes() == before


@pytest.mark.parametrize("drift", [-0.1, 0.1])
def test_weights_at_a_loss_are_those_of_where_it_was_reached(digits, tmp_path, monkeypatch, drift):
    """Though a repeated training, on another device, may reach it before, after, or never."""
    path, arguments = tmp_path / "c.safetensors", (load_cell("DARTS"), digits, SHORT)
    done = train(*arguments, seed=0, path=path)
    level = Moment("loss", 3.06)
    assert level.place(done.curve) == 1
    elsewhere = [point.epoch for point in done.curve if point.train_loss + drift <= level.value]
    assert elsewhere[0] == (0.5 if drift < 0 else 2.5)
    there = loop._point

    def rounded(state, *others):
        point = there(state, *others)
        return dataclasses.replace(point, train_loss=point.train_loss + drift)

    monkeypatch.setattr(loop, "_point", rounded)
    train(*arguments, seed=0, path=path, keep=[level])
    assert load_checkpoint(level.path(snapshot_folder(path))).curve[-1].epoch == 1
