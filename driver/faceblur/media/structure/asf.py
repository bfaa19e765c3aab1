"""ASF: objects of an identity and a length; one has the data packets, of one size, with parts of frames (payloads)."""

from __future__ import annotations

import struct

from faceblur.media.structure.structure import Content, Fault, Videos, VideoTrack, check_end, is_padding

DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
STREAM = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
INDEX = bytes.fromhex("90080033b1e5cf1189f400a0c90349cb")
VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
DATA_HEADER = 50  # bytes before the first data packet
WIDTHS = (0, 1, 2, 4)  # of a field, by its two bits


def asf(content: Content) -> Videos:
    """The video tracks of an ASF or WMV file. Raises Fault."""
    at, size = 0, len(content)
    streams: dict[int, _Objects] = {}
    videos: list[int] = []
    packet_size = 0
    while at + 24 <= size and not is_padding(content, at):
        kind, (length,) = content[at : at + 16], struct.unpack_from("<Q", content, at + 16)
        if kind == DATA:
            # Without a length it was written to a pipe: it ends with the file, or at an index.
            stop = at + length if length > DATA_HEADER else size
            check_end(stop, size)
            _data(content, at + DATA_HEADER, stop, packet_size, streams)
        elif length < 24:
            raise Fault(f"damaged: the object at byte {at} has no length")
        else:
            stop = at + length
            check_end(stop, size)
            if at == 0:
                packet_size, videos = _header(content[at:stop])
        at = stop
    return [VideoTrack(streams[one].count if one in streams else 0) for one in sorted(videos)]


def _header(header: bytes) -> tuple[int, list[int]]:
    """The size of a data packet, 0 where they differ, and the numbers of the video streams."""
    position, packet_size, videos = header.find(PROPERTIES), 0, []
    if position >= 0:
        least, most = struct.unpack_from("<II", header, position + 92)
        packet_size = least if least == most else 0
    at = header.find(STREAM)
    while at >= 0:
        if header[at + 24 : at + 40] == VIDEO:
            videos.append(header[at + 72] & 0x7F)
        at = header.find(STREAM, at + 24)
    return packet_size, videos


class _Objects:
    """The frames of a stream, numbered; each comes in parts, in order."""

    def __init__(self) -> None:
        self.count = 0
        self._number = self._received = self._size = 0

    def add(self, number: int, offset: int, length: int, size: int, at: int) -> None:
        """Add a part of a frame of `size` bytes. Raises Fault where one is missing before it."""
        is_next = offset == 0 and (self.count == 0 or number == (self._number + 1) % 256)
        if self.count and self._received < self._size and not (number == self._number and offset == self._received):
            raise Fault(f"damaged: a part of a frame is missing before byte {at}")
        if self._received >= self._size:
            if not is_next and not (number == self._number and self.count):
                raise Fault(f"damaged: a frame is missing before byte {at}")
            self.count += 1
            self._number, self._received, self._size = number, 0, size
        self._received += length


def _data(content: Content, at: int, stop: int, size: int, streams: dict[int, _Objects]) -> None:
    while size and at + size <= stop and content[at : at + 16] != INDEX:
        try:
            _packet(content[at : at + size], at, streams)
        except (IndexError, struct.error) as error:
            raise Fault(f"damaged: the packet at byte {at} is not readable") from error
        at += size
    if size and at < stop and content[at : at + 16] != INDEX and not is_padding(content, at):
        raise Fault(f"cut short: its last packet has {stop - at} of {size} bytes")


class _Fields:
    """Reads fields one after the other."""

    def __init__(self, packet: bytes) -> None:
        self.packet, self.at = packet, 0

    def read(self, width: int) -> int:
        if self.at + width > len(self.packet):
            raise IndexError
        value = int.from_bytes(self.packet[self.at : self.at + width], "little")
        self.at += width
        return value


def _packet(packet: bytes, at: int, streams: dict[int, _Objects]) -> None:
    fields = _Fields(packet)
    flags = fields.read(1)
    if flags & 0x80:
        fields.at += flags & 0x0F  # of error correction
        flags = fields.read(1)
    widths = fields.read(1)
    fields.read(WIDTHS[flags >> 5 & 3])  # the packet's length
    fields.read(WIDTHS[flags >> 1 & 3])  # its number
    padding = fields.read(WIDTHS[flags >> 3 & 3])
    fields.read(6)  # its time and duration
    several = fields.read(1) if flags & 1 else 0
    for _ in range(several & 0x3F if flags & 1 else 1):
        _payload(fields, widths, WIDTHS[several >> 6], len(packet) - padding, streams, at)


def _payload(fields: _Fields, widths: int, length_width: int, end: int, streams: dict[int, _Objects], at: int) -> None:
    stream = fields.read(1) & 0x7F
    number, offset = fields.read(WIDTHS[widths >> 4 & 3]), fields.read(WIDTHS[widths >> 2 & 3])
    replicated = fields.read(WIDTHS[widths & 3])
    size = 0
    if replicated == 1:  # several small frames in one: then there is a time where the offset would be
        fields.read(1)
    else:
        begin = fields.at
        size = fields.read(4) if replicated >= 8 else 0
        fields.at = begin + replicated
    length = fields.read(length_width) if length_width else end - fields.at
    fields.at += length
    if length < 0 or fields.at > end:
        raise IndexError
    if replicated != 1 and size:
        streams.setdefault(stream, _Objects()).add(number & 0xFF, offset, length, size, at)
