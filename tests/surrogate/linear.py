"""A surrogate for tests, written byte by byte: its accuracy is linear in the codes and the epoch.

    accuracy in % = codes · WEIGHTS + PER_EPOCH · epoch

ONNX is a protocol buffer; the numbers of its fields are those of onnx.proto.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nascope._src.surrogate.encoding import ABSENT

WEIGHTS = np.array([0.01 * (1 + place % 7) for place in range(34)], np.float32)
PER_EPOCH = np.float32(0.5)

OPERATIONS = (
    "avg_pool_3x3", "dil_conv_3x3", "dil_conv_5x5", "max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5",
    "skip_connect",
)  # fmt: skip
_FLOAT, _INT32 = 1, 6  # TensorProto.DataType


def codes() -> dict[str, object]:
    """Return the JSON of the inputs' codes, in the order of NAS-Bench-301's space."""
    inputs = []
    for kind in ("normal", "reduce"):
        for edge in range(14):
            inputs.append((f"edge_{kind}_{edge}", OPERATIONS))
    for kind in ("normal", "reduce"):
        for node in (3, 4, 5):
            pairs = [f"{a}_{b}" for a in range(node) for b in range(a + 1, node)]
            inputs.append((f"inputs_node_{kind}_{node}", pairs))
    return {
        "x_cat": [
            {"name": name, "codes": {c: k for k, c in enumerate((ABSENT, *categories))}}
            for name, categories in inputs
        ]
    }


def write_surrogate(folder: Path, scale: float = 1.0, offset: float = 0.0) -> Path:
    """Write a surrogate whose accuracies are multiplied and shifted; return the ONNX file."""
    path = folder / "linear.onnx"
    path.write_bytes(model(scale, offset))
    path.with_suffix(".json").write_text(json.dumps(codes()))
    return path


def model(scale: float = 1.0, offset: float = 0.0, *, cells: int = 1) -> bytes:
    """Return a model that takes ``cells`` cells per call."""
    weights = np.stack([scale * WEIGHTS, np.zeros(34)], axis=1).astype(np.float32)
    slope = np.array([[scale * PER_EPOCH, 1]], np.float32)
    shift = np.array([[offset, 0]], np.float32)
    graph = [
        *(
            _message(1, node)
            for node in (
                _node("Cast", ["x_cat"], "codes", _integer_attribute("to", _FLOAT)),
                _node("MatMul", ["codes", "weights"], "a"),
                _node("MatMul", ["x_cont", "slope"], "b"),
                _node("Add", ["a", "b"], "c"),
                _node("Add", ["c", "shift"], "accuracy"),
            )
        ),
        _text(2, "linear"),
        *(
            _message(5, _tensor(name, values))
            for name, values in (("weights", weights), ("slope", slope), ("shift", shift))
        ),
        _message(11, _value("x_cat", _INT32, (cells, 34))),
        _message(11, _value("x_cont", _FLOAT, (cells, 1))),
        _message(12, _value("accuracy", _FLOAT, (cells, 2))),
    ]
    opset = _message(8, _number(2, 13))
    return _number(1, 8) + opset + _message(7, b"".join(graph))


def _node(kind: str, inputs: Sequence[str], output: str, attributes: bytes = b"") -> bytes:
    return (
        b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind) + attributes
    )


def _integer_attribute(name: str, value: int) -> bytes:
    return _message(5, _text(1, name) + _number(3, value) + _number(20, 2))


def _tensor(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(_number(1, size) for size in values.shape)
    return dims + _number(2, _FLOAT) + _text(8, name) + _message(9, values.tobytes())


def _value(name: str, kind: int, shape: Sequence[int]) -> bytes:
    sizes = b"".join(_message(1, _number(1, size)) for size in shape)
    return _text(1, name) + _message(2, _message(1, _number(1, kind) + _message(2, sizes)))


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += struct.pack("B", value & 127 | 128)
        value >>= 7
    return out + struct.pack("B", value)
