"""Checksums of checkpoints."""

import numpy as np
from safetensors.numpy import save_file

from nascope._src.records.checkpoint_files import CHECKSUM_KEY, RECORDS_KEY, is_intact
from nascope._src.records.checksums import checksum

RECORDS = '{"identity": "a"}'


def write(path, weights, records=RECORDS):
    metadata = {RECORDS_KEY: records, CHECKSUM_KEY: checksum({"weights": weights}, RECORDS)}
    save_file({"weights": weights}, path, metadata)


def test_any_change_of_tensors_or_records_is_noticed(tmp_path):
    path = tmp_path / "c.safetensors"
    weights = np.arange(6.0, dtype=np.float32)
    write(path, weights)
    assert is_intact(path)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert not is_intact(path)
    path.write_bytes(content[:-1])
    assert not is_intact(path)
    write(path, weights, records='{"identity": "b"}')
    assert not is_intact(path)
    assert checksum({"w": weights}, RECORDS) != checksum({"weights": weights}, RECORDS)


def test_a_file_without_a_checksum_is_not_intact(tmp_path):
    path = tmp_path / "c.safetensors"
    assert not is_intact(path)
    save_file({"weights": np.zeros(3)}, path)
    assert not is_intact(path)
