import json
import struct

import pytest
import torch

from nascope._src.errors import CheckpointError, StudyError
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

STATE = Checkpoint(
    tensors={
        "model.weight": torch.randn(3, 4, 5, 5).to(memory_format=torch.channels_last),
        "model.count": torch.tensor(7),
        "momentum.weight": torch.full((2,), float("nan")),
        "records.correct": torch.tensor([1, 0, 1], dtype=torch.uint8),
    },
    records={"epochs": [{"loss": float("nan"), "rate": float("inf")}], "name": "a/ä", "seed": 0},
)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "folder" / "c.safetensors"
    save_checkpoint(path, STATE)
    return path


def test_round_trip(saved):
    loaded = load_checkpoint(saved)
    assert loaded.tensors.keys() == STATE.tensors.keys()
    for name, tensor in STATE.tensors.items():
        torch.testing.assert_close(loaded.tensors[name], tensor, rtol=0, atol=0, equal_nan=True)
    assert str(loaded.records) == str(STATE.records)
    assert loaded.part("model").keys() == {"weight", "count"}
    assert [path.name for path in saved.parent.iterdir()] == ["c.safetensors"]  # nothing aside


def test_the_header_is_strict_json(saved):
    content = saved.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    records = header["__metadata__"]["nascope"]
    assert "NaN" not in records
    assert json.loads(records)["epochs"][0]["loss"] == {"$number": "nan"}


@pytest.mark.parametrize("place", [3, 40, 500, -1, -100])
def test_any_changed_byte_is_noticed(saved, place):
    content = bytearray(saved.read_bytes())
    content[place] ^= 0x10
    saved.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"c\.safetensors: (damaged|not a checkpoint)"):
        load_checkpoint(saved)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_truncation_is_noticed(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(saved)


def test_the_one_before_is_kept_and_taken(saved):
    previous = saved.with_name("previous")
    newer = Checkpoint({"model.weight": torch.ones(2)}, {"seed": 1})
    save_checkpoint(saved, newer, previous=previous)
    assert load_checkpoint(saved).records["seed"] == 1
    assert load_checkpoint(previous).records["seed"] == 0
    saved.write_bytes(b"nothing")
    with pytest.warns(UserWarning, match="using previous"):
        assert load_checkpoint(saved, previous=previous).records["seed"] == 0
    saved.unlink()  # as a crash between two renames leaves it
    assert load_checkpoint(saved, previous=previous).records["seed"] == 0
    previous.write_bytes(b"nothing")
    with pytest.raises(CheckpointError):
        load_checkpoint(saved, previous=previous)


def test_the_newest_is_there_until_the_next_is_whole(saved, monkeypatch):
    previous, seen = saved.with_name("previous"), []
    monkeypatch.setattr(
        "nascope._src.records.files.os.fsync",
        lambda _: seen.append((load_checkpoint(saved).records["seed"], previous.exists())),
    )
    save_checkpoint(saved, Checkpoint({}, {"seed": 1}), previous=previous)
    assert seen == [(0, False)]
    assert load_checkpoint(saved).records["seed"] == 1


def test_a_damaged_newest_takes_no_sound_ones_place(saved):
    previous = saved.with_name("previous")
    save_checkpoint(saved, Checkpoint({"model.w": torch.ones(9)}, {"seed": 1}), previous=previous)
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    save_checkpoint(saved, Checkpoint({}, {"seed": 2}), previous=previous)
    assert load_checkpoint(saved).records["seed"] == 2
    assert load_checkpoint(previous).records["seed"] == 0


def test_missing_and_foreign_files(tmp_path):
    from safetensors.torch import save_file  # noqa: PLC0415

    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "nothing")
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="not a checkpoint of nascope"):
        load_checkpoint(tmp_path / "foreign")


def test_an_unwritable_place(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot write .*c.safetensors"):
        save_checkpoint(tmp_path / "file" / "c.safetensors", STATE)
