"""EBML, the binary format of Matroska: an element is an identity, a length and its content."""

from __future__ import annotations

import mmap


def read_element(content: mmap.mmap | bytes, at: int) -> tuple[int, int, int | None]:
    """The element at a byte: its identity, where its content begins, and the content's length, None: unknown.

    Raises IndexError at the end of `content`.
    """
    id_width = 9 - content[at].bit_length()
    width = 9 - content[at + id_width].bit_length()
    begin = at + id_width + width
    length = int.from_bytes(content[at + id_width : begin]) & ((1 << 7 * width) - 1)
    return int.from_bytes(content[at : at + id_width]), begin, None if length == (1 << 7 * width) - 1 else length


def read_number(content: mmap.mmap | bytes, at: int) -> tuple[int, int]:
    """The number at a byte, of one to eight bytes by its first one, and where it ends. Raises IndexError at the end."""
    width = 9 - content[at].bit_length()
    return int.from_bytes(content[at : at + width]) & ((1 << 7 * width) - 1), at + width
