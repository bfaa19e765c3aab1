"""Matroska and WebM: a segment of elements after the EBML header, with clusters of blocks, which hold the frames."""

from __future__ import annotations

from collections import Counter

from faceblur.media.ebml import read_element, read_number
from faceblur.media.structure.structure import Content, Fault, Videos, VideoTrack, check_end, is_padding

EBML, SEGMENT, CLUSTER, TRACKS = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B
BEGINNINGS, CLUSTER_BYTES = (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"), b"\x1f\x43\xb6\x75"
# Below the segment besides them: seek head, info, cues, chapters, attachments, tags.
BELOW_SEGMENT = {CLUSTER, TRACKS, 0x114D9B74, 0x1549A966, 0x1C53BB6B, 0x1043A770, 0x1941A469, 0x1254C367}
SIMPLE_BLOCK, GROUP, BLOCK, TIMESTAMP = 0xA3, 0xA0, 0xA1, 0xE7
NUMBERS = {TIMESTAMP, 0xA7, 0xAB}  # of a cluster, with its position and the previous one's size
OTHERS = {0x5854, 0xEC, 0xBF}  # of a cluster: silent tracks, void, CRC
TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE = 0xAE, 0xD7, 0x83
VIDEO = 1
LACING = 0x06  # of a block's flags
SHORTEST_ID = 0x10  # the first byte of an identity of four bytes, the longest ones
NUMBER_BYTES = 8  # the longest number


def matroska(content: Content) -> Videos:
    """The video tracks of a Matroska or WebM file, with the frames in its blocks. Raises Fault."""
    walk = _Walk(content)
    try:
        walk.file()
    except IndexError as error:
        raise Fault("cut short: its last element is not complete") from error
    videos = [number for number, kind in walk.tracks.items() if kind == VIDEO]
    return [VideoTrack(walk.frames[number]) for number in videos]


class _Walk:
    """A walk over a file. `tracks` has each track's type by its number, `frames` how many each has in blocks.

    Raises Fault for damage, IndexError at the end of the file.
    """

    def __init__(self, content: Content) -> None:
        self._content, self._size = content, len(content)
        self.tracks: dict[int, int] = {}
        self.frames: Counter[int] = Counter()
        self._first_blocks: dict[int, int] = {}  # where each track's first one begins

    def file(self) -> None:
        at, segments = 0, 0
        while at < self._size:
            if segments and self._content[at : at + 4] not in BEGINNINGS:
                # What follows the segment is no part of the file, unless the segment's length is wrong.
                if self._content.find(CLUSTER_BYTES, at) >= 0:
                    raise Fault(f"damaged: a cluster lies behind the segment that ends at byte {at}")
                break
            identity, begin, end, _ = self._element(at, self._size)
            if identity == SEGMENT:
                segments += 1
                self._segment(begin, end)
            at = end
        for track in self._first_blocks.keys() - self.tracks.keys():
            at = self._first_blocks[track]
            raise Fault(f"damaged: the block at byte {at} is of track {track}, which the file does not have")

    def _element(self, at: int, limit: int) -> tuple[int, int, int, bool]:
        """The element at a byte: its identity, where its content begins and ends, whether its length is known."""
        if self._content[at] < SHORTEST_ID:
            raise Fault(f"damaged: byte {at} begins no element of Matroska")
        identity, begin, length = read_element(self._content, at)
        end = limit if length is None else begin + length
        check_end(end, self._size)
        if end > limit:
            raise Fault(f"damaged: an element ends at byte {end}, beyond what holds it")
        return identity, begin, end, length is not None

    def _segment(self, at: int, stop: int) -> None:
        while at < stop and not is_padding(self._content, at):
            identity, begin, end, is_known = self._element(at, stop)
            if identity == CLUSTER:
                end = self._cluster(begin, end, is_open=not is_known)
            elif identity == TRACKS:
                self._read_tracks(begin, end)
            elif identity in (EBML, SEGMENT):
                raise Fault(f"damaged: another file begins at byte {at}")
            elif identity not in BELOW_SEGMENT and self._is_cluster(begin, end):
                raise Fault(f"damaged: byte {at} begins no cluster, though blocks follow")
            at = end

    def _cluster(self, at: int, stop: int, *, is_open: bool) -> int:
        """Read a cluster; where its length is unknown, until something follows that is of no cluster."""
        while at < stop:
            if is_open and is_padding(self._content, at):
                return at
            identity, begin, end, _ = self._element(at, stop)
            if is_open and identity in BELOW_SEGMENT:
                return at
            if identity == SIMPLE_BLOCK:
                self._block(begin, end)
            elif identity == GROUP:
                self._group(begin, end)
            elif identity in NUMBERS:
                if end - begin > NUMBER_BYTES:
                    raise Fault(f"damaged: the number at byte {at} is too long")
            elif identity in (EBML, SEGMENT):
                raise Fault(f"damaged: another file begins at byte {at}")
            elif identity not in OTHERS and self._holds_block(begin, end):
                raise Fault(f"damaged: byte {at} begins no block, though its content is one")
            at = end
        return stop

    def _group(self, at: int, stop: int) -> None:
        blocks = 0
        while at < stop:
            identity, begin, end, _ = self._element(at, stop)
            if identity == BLOCK:
                blocks += 1
                self._block(begin, end)
            at = end
        if not blocks:
            raise Fault(f"damaged: the group of blocks that ends at byte {stop} holds none")

    def _block(self, begin: int, end: int) -> None:
        """Count a block's frames. It begins with its track's number, a time of two bytes, flags, and their number."""
        track, at = read_number(self._content, begin)
        self._first_blocks.setdefault(track, begin)
        if at + 3 < end:  # else it is empty, as at a subtitle's end
            self.frames[track] += self._content[at + 3] + 1 if self._content[at + 2] & LACING else 1

    def _read_tracks(self, at: int, stop: int) -> None:
        while at < stop:
            identity, at, end, _ = self._element(at, stop)
            if identity == TRACK_ENTRY:
                values = {}
                while at < end:
                    inner, begin, at, _ = self._element(at, end)
                    values[inner] = int.from_bytes(self._content[begin : min(at, begin + NUMBER_BYTES)])
                self.tracks[values.get(TRACK_NUMBER, 0)] = values.get(TRACK_TYPE, 0)
            at = end

    def _is_cluster(self, begin: int, end: int) -> bool:
        """Whether an element of an unknown identity begins with a timestamp or a block, as a cluster does."""
        try:
            identity, inner, length = read_element(self._content, begin)
        except IndexError:
            return False
        return identity in (TIMESTAMP, SIMPLE_BLOCK, GROUP) and length is not None and inner + length <= end

    def _holds_block(self, begin: int, end: int) -> bool:
        """Whether an element of an unknown identity holds what a block or a group of blocks does."""
        if end - begin <= 4:
            return False
        return self._content[begin] == BLOCK or read_number(self._content, begin)[0] in self.tracks
