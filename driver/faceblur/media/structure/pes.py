"""PES packets of MPEG-TS and MPEG-PS: a start code with an identity, a length, and a header with times."""

from __future__ import annotations

START, HEAD = b"\0\0\1", 6  # bytes: then come an identity and a length
MARK, TIMES = 0x80, (0, 0, 5, 10)  # of the header's first byte; bytes of times, by the two highest bits of the second
OTHER_FIELDS = 0x3F
AUDIO_VIDEO = range(0xC0, 0xF0)


def is_sound(packet: bytes) -> bool:
    """Whether the header of a packet, or what is known of it, has the length that it names: else its frame is cut."""
    if packet[3] not in AUDIO_VIDEO or len(packet) < 9 or packet[6] & 0xC0 != MARK:
        return True  # no such header, or that of MPEG-1
    times, fields = TIMES[packet[7] >> 6], packet[7] & OTHER_FIELDS
    stuffing = packet[9 + times : 9 + packet[8]]
    return packet[8] >= times and (bool(fields) or not stuffing.strip(b"\xff"))
