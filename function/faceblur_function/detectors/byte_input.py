"""An ONNX network that takes a frame's bytes: it subtracts the mean itself, faster than NumPy does.

The file is changed as bytes, without the package `onnx`. A field of a protobuf is its number and kind, its length and
its content. A list of fields may go on at the end of a file, and ONNX Runtime puts nodes in their order itself.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

# An input called `input`, of float32: its type is the last byte.
FLOAT_INPUT = re.compile(rb"\n\x05input(\x12.\n.\x08)\x01", re.DOTALL)
FLOAT32, BYTES = b"\x01", b"\x02"  # types of tensors


def with_byte_input(content: bytes, mean: Sequence[float]) -> bytes:
    """The model with an input `bytes` of uint8 planes (N, 3, H, W), from which it subtracts `mean`, one a plane.

    Itself where it has no input `input` of float32, or more than one.
    """
    changed, inputs = FLOAT_INPUT.subn(lambda name: b"\n\x05bytes" + name[1] + BYTES, content)
    if inputs != 1:
        return content
    to_float32 = _field(5, _field(1, b"to") + b"\x18" + FLOAT32 + b"\xa0\x01\x02")  # the value of an integer attribute
    shape = b"\x08\x01\x08\x03\x08\x01\x08\x01"  # 1, 3, 1, 1
    values = struct.pack("<3f", *mean)
    graph = [
        _node(b"Cast", [b"bytes"], b"bytes_as_float", to_float32),
        _node(b"Sub", [b"bytes_as_float", b"mean_pixel"], b"input"),
        _field(5, shape + b"\x10" + FLOAT32 + _field(8, b"mean_pixel") + _field(9, values)),
    ]
    return changed + _long_field(7, b"".join(graph))


def _node(operator: bytes, inputs: Sequence[bytes], output: bytes, attribute: bytes = b"") -> bytes:
    names = b"".join(_field(1, name) for name in inputs) + _field(2, output)
    return _field(1, names + _field(4, operator) + attribute)


def _field(number: int, content: bytes) -> bytes:
    """A field of less than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def _long_field(number: int, content: bytes) -> bytes:
    """A field of 128 bytes to 16 KiB: the length takes two bytes, the lower 7 bits first."""
    return bytes([number << 3 | 2, len(content) & 127 | 128, len(content) >> 7]) + content
