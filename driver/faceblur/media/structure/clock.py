"""The clock of an MPEG-TS: where it jumps, another recording was joined, and packets are numbered anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNITS, TURN = 90_000, 1 << 33  # a second; the clock begins anew after so many
AHEAD = 10 * UNITS  # as in joins.py: from here on it is a jump
KEPT_JUMPS = 16
HAS_FIELD, HAS_CLOCK = 0x20, 0x10  # flags of a packet, and of its adaptation field
FIELD_LENGTH = 7  # of an adaptation field with a clock, at least


class Clock:
    """Follows the clock references (PCR) of each stream, block by block."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[int, int]] = {}  # of each PID: position and time
        self._jumps: list[tuple[int, int]] = []  # the positions on both sides

    def follow(self, packets: NDArray[np.uint8], at: int, length: int) -> None:
        """Take the references of packets, `(packets, 188) uint8`, of which the first one begins at byte `at`."""
        has_clock = (packets[:, 3] & HAS_FIELD > 0) & (packets[:, 4] >= FIELD_LENGTH) & (packets[:, 5] & HAS_CLOCK > 0)
        for row in np.flatnonzero(has_clock):
            pid = int(packets[row, 1] & 0x1F) << 8 | int(packets[row, 2])
            position, time = at + int(row) * length, int.from_bytes(packets[row, 6:11].tobytes()) >> 7
            before = self._last.get(pid)
            if before is not None and (time - before[1]) % TURN > AHEAD:
                self._jumps = [*self._jumps[1 - KEPT_JUMPS :], (before[0], position)]
            self._last[pid] = position, time

    def jumps_between(self, first: int, last: int) -> bool:
        """Whether a jump may lie between two bytes."""
        return any(first < after and last > before for before, after in self._jumps)
