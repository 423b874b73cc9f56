import numpy as np
import pytest

from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import CHUNK, ChunkStore, Share, num_chunks


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_shares_cover_all_chunks_once(count):
    shares = [Share(index, count) for index in range(count)]
    assert [number for share in shares for number in share.chunks(7)] == list(range(7))


def test_a_share_is_one_of_its_number():
    with pytest.raises(ProbeError, match=r"part must be in \[0, 3\), got 3"):
        Share(3, 3)
    assert [num_chunks(points) for points in (1, CHUNK, CHUNK + 1)] == [1, 1, 2]


def test_work_is_done_once_and_again_if_its_file_is_damaged(tmp_path):
    calls = []

    def work():
        calls.append(1)
        return {"values": np.arange(3)}

    store = ChunkStore(tmp_path)
    for _ in range(2):
        assert np.array_equal(store.get("a", work)["values"], np.arange(3))
    assert len(calls) == 1
    (tmp_path / "a.npz").write_bytes(b"damaged")
    assert store.load("a") is None
    store.get("a", work)
    assert len(calls) == 2
    assert store.load("a") is not None
    ChunkStore(None).get("a", work)
    assert len(calls) == 3
