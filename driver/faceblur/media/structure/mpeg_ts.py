"""MPEG-TS: packets of one size. Each is of a stream (PID), and numbered within it from 0 to 15."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceblur.media.structure.clock import Clock
from faceblur.media.structure.pes import HEAD, START, is_sound
from faceblur.media.structure.structure import Content, Fault, Videos, is_padding

SYNC = 0x47
PACKETS = (188, 192, 204)  # bytes: plain, with a clock before each, with error correction after it
PACKET = 188
TABLE_OF_PROGRAMS, NULL = 0x0000, 0x1FFF  # PIDs
BLOCK = 1 << 16  # packets that are looked at together
PADDING_STREAM, NO_PES = 0xBE, -1  # identities

Packets = NDArray[np.uint8]


def mpeg_ts(content: Content) -> Videos:
    """Check an MPEG-TS file. Raises Fault."""
    found = _packets(content)
    if found is None:
        return None
    first, length = found
    streams: dict[int, _Stream] = {}
    clock = Clock()
    for at, packets in _blocks(content, first, length):
        out_of_step = np.flatnonzero(packets[:, 0] != SYNC)
        if len(out_of_step):
            at += int(out_of_step[0]) * length
            if not is_padding(content, at):
                raise Fault(f"damaged: the packet at byte {at} does not begin as one")
            packets = packets[: out_of_step[0]]
        clock.follow(packets, at, length)
        _check(packets, at, length, streams, clock)
        if len(out_of_step):
            return None
    for stream in streams.values():
        stream.end_pes()
    over = (len(content) - first + (4 if length == 192 else 0)) % length
    if over and not is_padding(content, len(content) - over):
        raise Fault(f"cut short: its last packet has {over} of {length} bytes")
    return None


def _packets(content: Content) -> tuple[int, int] | None:
    """Where the first packet begins, and their length; None where there are none."""
    head = content[: 1 << 16]
    for length in PACKETS:
        for first in range(min(length, len(head))):
            if len(head) > first + 4 * length and all(head[first + n * length] == SYNC for n in range(5)):
                return first, length
    return None


def _blocks(content: Content, first: int, length: int) -> Iterator[tuple[int, Packets]]:
    """Parts of the file as `(packets, 188) uint8`, and the byte at which each begins."""
    count = (len(content) - first + length - PACKET) // length
    for start in range(0, count, BLOCK):
        at, packets = first + start * length, min(BLOCK, count - start)
        part = content[at : at + packets * length]
        part += bytes(packets * length - len(part))  # without what follows the last packet
        yield at, np.frombuffer(part, np.uint8).reshape(packets, length)[:, :PACKET]


@dataclass(slots=True)
class _Stream:
    """A PID's packets so far: the number and position of the last one, and the PES packet that is being read.

    `identity` is that of its PES packets, NO_PES: it holds others, None: none came yet. `missing` is how many bytes are
    still to come of the PES packet that begins at byte `begins`, None: it does not say.
    """

    number: int | None = None
    position: int = -1
    identity: int | None = None
    begins: int = 0
    missing: int | None = None

    def end_pes(self) -> None:
        if self.missing:
            raise Fault(f"damaged: what begins at byte {self.begins} does not have the length that it names")

    def begin_pes(self, head: bytes, position: int) -> None:
        is_pes = head[:3] == START and len(head) >= HEAD
        if self.identity is None:
            self.identity = head[3] if is_pes else NO_PES
        if self.identity == NO_PES:
            return
        self.end_pes()
        if not is_pes or head[3] not in (self.identity, PADDING_STREAM) or not is_sound(head):
            raise Fault(f"damaged: the packet at byte {position} does not begin what it should")
        length = int.from_bytes(head[4:HEAD])
        self.begins, self.missing = position, HEAD + length if length else None


def _check(packets: Packets, at: int, length: int, streams: dict[int, _Stream], clock: Clock) -> None:
    """Check the numbers of a block's packets, and the PES packets in them."""
    pids = (packets[:, 1] & 0x1F).astype(np.uint16) << 8 | packets[:, 2]
    broken = np.flatnonzero((packets[:, 1] & 0x80 > 0) & (pids != NULL))
    if len(broken):
        raise Fault(f"damaged: the packet at byte {at + int(broken[0]) * length} is marked as wrong")
    restarts = at + np.flatnonzero((pids == TABLE_OF_PROGRAMS) & (packets[:, 3] & 0x0F == 0)) * length
    # The table of services may come before that of programs.
    restarts = np.concatenate([restarts, restarts - length])
    for pid in np.unique(pids):
        if pid == NULL:
            continue
        rows = np.flatnonzero(pids == pid)
        stream, positions = streams.setdefault(int(pid), _Stream()), at + rows * length
        _check_numbers(packets[rows], positions, stream, restarts, clock)
        _check_pes(packets[rows], positions, stream)


def _check_numbers(
    packets: Packets, positions: NDArray[np.int64], stream: _Stream, restarts: NDArray[np.int64], clock: Clock
) -> None:
    """Each packet with a payload has the next number; one may come twice.

    Numbers begin anew with a table of programs, and where the clock jumps: there another recording was joined.
    """
    numbers, has_payload = packets[:, 3] & 0x0F, packets[:, 3] & 0x10 > 0
    # The very first packet of a PID may have any number.
    before = np.concatenate([[numbers[0] if stream.number is None else stream.number], numbers[:-1]])
    steps = (numbers.astype(int) - before) % 16
    marked = (packets[:, 3] & 0x20 > 0) & (packets[:, 4] > 0) & (packets[:, 5] & 0x80 > 0)
    last = np.concatenate([[stream.position], positions[:-1]])
    for row in np.flatnonzero(np.where(has_payload, steps > 1, steps > 0) & ~marked):
        begins_anew = not numbers[row] and np.any((restarts > last[row]) & (restarts <= positions[row]))
        if not begins_anew and not clock.jumps_between(int(last[row]), int(positions[row])):
            raise Fault(f"damaged: packets before byte {positions[row]} are missing")
    stream.number, stream.position = int(numbers[-1]), int(positions[-1])


def _check_pes(packets: Packets, positions: NDArray[np.int64], stream: _Stream) -> None:
    """Each PES packet of a stream begins as one and has the length that it names."""
    has_payload = packets[:, 3] & 0x10 > 0
    offsets = 4 + np.where(packets[:, 3] & 0x20 > 0, packets[:, 4].astype(int) + 1, 0)
    sizes = np.where(has_payload, np.maximum(0, PACKET - offsets), 0)
    starts = np.flatnonzero((packets[:, 1] & 0x40 > 0) & has_payload)
    sums = np.add.reduceat(sizes, np.concatenate([[0], starts])) if len(starts) else [sizes.sum()]
    for start, size in zip([None, *starts], sums, strict=True):
        if start is not None:
            stream.begin_pes(packets[start, offsets[start] :].tobytes(), int(positions[start]))
        elif len(starts) and starts[0] == 0:
            continue
        if stream.missing is not None:
            stream.missing -= int(size)
