"""The files of a training, and which weights on the way belong in them."""

from pathlib import Path

from nascope._src.cells.catalog import load as load_cell
from nascope._src.training.files import Snapshots, TrainingFiles, snapshot_folder
from nascope._src.training.moments import Moment
from tests.cases import train
from tests.training.checks import SHORT

ONE, LATE, END = (Moment.parse(text) for text in ("epoch 1", "epoch 50", "end"))


def test_snapshots_are_next_to_the_checkpoint_by_default():
    path = Path("runs/darts.safetensors")
    assert TrainingFiles(path).snapshot_folder == Path("runs/darts-snapshots")
    assert TrainingFiles(path, snapshots=Path("kept")).snapshot_folder == Path("kept")


def test_only_weights_on_the_way_need_a_snapshot():
    assert Snapshots.of_moments(Path("kept"), [ONE, END, LATE]).moments == (ONE, LATE)


def test_a_snapshot_is_missing_if_it_is_not_there_or_damaged(digits, tmp_path):
    path = tmp_path / "c.safetensors"
    done = train(load_cell("SNAS"), digits, SHORT, seed=0, path=path, keep=[ONE])
    snapshots = Snapshots(snapshot_folder(path), (ONE, LATE))
    assert snapshots.missing(done) == {}  # the training never came to epoch 50
    ONE.path(snapshots.folder).write_bytes(b"damaged")
    assert snapshots.missing(done) == {ONE: 1}
    ONE.path(snapshots.folder).unlink()
    assert snapshots.missing(done) == {ONE: 1}
