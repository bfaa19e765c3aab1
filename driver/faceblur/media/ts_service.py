"""The name of the service in an MPEG-TS, as broadcasters write it: FFmpeg keeps it where PyAV does not reach."""

from __future__ import annotations

from pathlib import Path

from faceblur.media.private_texts import is_private

HEAD_BYTES = 1 << 22  # the table comes at least every two seconds
SYNC, PID, TABLE, DESCRIPTOR = 0x47, 0x11, 0x42, 0x48  # of the service description: ETSI EN 300 468
ISO_8859, UTF_8 = (1, 2, 3, 4, 5, 6, 7, 9, 10, 11), 0x15  # alphabets: annex A
PACKET_SIZES = (188, 192, 204)


def service_tags(path: Path, formats: list[str]) -> dict[str, str]:
    """The tags of the muxer for the first service of a file and its provider; empty where it names none.

    Raises OSError.
    """
    if "mpegts" not in formats:
        return {}
    with path.open("rb") as file:
        section = _section(file.read(HEAD_BYTES))
    names = _names(section)
    tags = dict(zip(("service_provider", "service_name"), names, strict=False))
    return {name: value for name, value in tags.items() if value and not is_private(value.encode())}


def _section(head: bytes) -> bytes:
    """The first section of the table, without its header of three bytes; empty where there is none."""
    size = next((one for one in PACKET_SIZES if all(head[at : at + 1] == b"\x47" for at in range(0, 5 * one, one))), 0)
    start = 0
    if not size:  # a clock of four bytes before each packet
        size, start = 192, 4
    section = b""
    for at in range(start, len(head) - 187, size):
        packet = head[at : at + 188]
        if packet[0] != SYNC or int.from_bytes(packet[1:3]) & 0x1FFF != PID or not packet[3] & 0x10:
            continue
        payload = packet[4 + (1 + packet[4] if packet[3] & 0x20 else 0) :]
        if packet[1] & 0x40 and payload:  # a section begins
            section = payload[1 + payload[0] :]
        elif section:
            section += payload
        if len(section) >= 3 and section[0] == TABLE:
            length = int.from_bytes(section[1:3]) & 0xFFF
            if len(section) >= 3 + length:
                return section[3 : 3 + length]
        elif section:
            section = b""
    return b""


def _names(section: bytes) -> tuple[str, ...]:
    """The provider and the name of the first service that has a descriptor of them."""
    at = 8  # after the stream's and the network's numbers
    while at + 5 < len(section) - 4:
        stop = at + 5 + (int.from_bytes(section[at + 3 : at + 5]) & 0xFFF)
        inner = at + 5
        while inner + 2 < min(stop, len(section)):
            tag, length = section[inner], section[inner + 1]
            body = section[inner + 2 : inner + 2 + length]
            if tag == DESCRIPTOR and len(body) > 2:
                provider = body[2 : 2 + body[1]]
                name = body[3 + body[1] :][: body[2 + body[1]]] if len(body) > 2 + body[1] else b""
                return _text(provider), _text(name)
            inner += 2 + length
        at = stop
    return ()


def _text(content: bytes) -> str:
    """A text of DVB: a first byte below 32 is its alphabet. Empty for the alphabets of Asia but UTF-8."""
    if not content or content[0] >= 32:
        return content.decode("latin-1")
    alphabet, content = content[0], content[1:]
    if alphabet in ISO_8859:
        return content.decode(f"iso8859-{alphabet + 4}", errors="replace")
    return content.decode(errors="replace") if alphabet == UTF_8 else ""
