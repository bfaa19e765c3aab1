"""360° and stereo video in MP4 and MOV: the source's boxes, put into an output that FFmpeg has written.

FFmpeg writes them only from side data that PyAV cannot set. The boxes are written anew from what they say of the
picture: https://github.com/google/spatial-media/tree/master/docs
"""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from faceblur.media.iso_boxes import VIDEO, Box, Content, boxes, find, kind_of, sample_entries, tracks

# Contents that say how a picture is projected, by name: their sizes in bytes. Others may hold anything.
SIZES = {b"st3d": 5, b"prhd": 16, b"equi": 20, b"cbmp": 12}
V1 = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")  # the identity of a box `uuid` with XML
FIELDS = (
    *("Spherical", "Stitched", "ProjectionType", "StereoMode", "SourceCount"),
    *("InitialViewHeadingDegrees", "InitialViewPitchDegrees", "InitialViewRollDegrees"),
    *("FullPanoWidthPixels", "FullPanoHeightPixels", "CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels"),
    *("CroppedAreaLeftPixels", "CroppedAreaTopPixels"),
)
NAMESPACES = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/"'


@dataclass(frozen=True, slots=True)
class SpatialBoxes:
    """Boxes of one video track: those of its sample entry, and those of the track itself."""

    entry: bytes
    track: bytes

    @property
    def types(self) -> set[str]:
        """The types of FFmpeg's side data that they hold."""
        spherical = {"SPHERICAL"} if self.track or b"sv3d" in self.entry else set[str]()
        return spherical | ({"STEREO3D"} if b"st3d" in self.entry or b"StereoMode" in self.track else set[str]())


def spatial_boxes(path: Path, formats: list[str]) -> dict[int, SpatialBoxes]:
    """The boxes of a file's video tracks, by their index; none of tracks without any. Raises OSError."""
    if "mp4" not in formats:
        return {}
    found: dict[int, SpatialBoxes] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for index, track in enumerate(tracks(content)):
            if kind_of(content, track) == VIDEO:
                one = SpatialBoxes(_of_entry(content, track), _of_track(content, track))
                found |= {index: one} if one.entry or one.track else {}
    return found


def add_spatial_boxes(path: Path, added: dict[int, SpatialBoxes]) -> None:
    """Put boxes into a file's tracks, by their index.

    Raises OSError, and ValueError for a file whose header is not its last box.
    """
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            header = next((one for one in boxes(content, 0, len(content)) if one.name == b"moov"), None)
            if header is None or header.stop != len(content):
                raise ValueError("its header is not at its end")
            moov = content[header.begin : header.stop]
        for index, one in added.items():
            moov = _with_boxes(moov, index, one)
        file.seek(header.begin)
        file.write(moov)


def _of_entry(content: Content, track: Box) -> bytes:
    """The boxes `st3d` and `sv3d` of a track's first sample entry."""
    entry = next(sample_entries(content, track), None)
    if entry is None:
        return b""
    inside = {one.name: one for one in boxes(content, entry[1], entry[0].stop)}
    stereo = _plain(content, inside.get(b"st3d"))
    spherical = inside.get(b"sv3d")
    projection = None if spherical is None else find(content, spherical, b"proj")
    if projection is None:
        return stereo
    parts = [_plain(content, one) for one in boxes(content, projection.body, projection.stop)]
    if len(parts) != 2 or not all(parts):
        return stereo  # a mesh, or not as the standard says
    maker = _box(b"svhd", bytes(5))  # nobody
    return stereo + _box(b"sv3d", maker + _box(b"proj", b"".join(parts)))


def _of_track(content: Content, track: Box) -> bytes:
    for one in boxes(content, track.body, track.stop):
        if one.name == b"uuid" and content[one.body : one.body + 16] == V1:
            text = content[one.body + 16 : one.stop].decode(errors="replace")
            pairs = re.findall(r"<GSpherical:(\w+)>\s{0,9}([\w.-]{1,30})\s{0,9}</GSpherical:", text)
            kept = [*((name, value) for name, value in pairs if name in FIELDS), ("StitchingSoftware", "unknown")]
            fields = "".join(f"<GSpherical:{name}>{value}</GSpherical:{name}>" for name, value in kept)
            xml = f'<?xml version="1.0"?><rdf:SphericalVideo {NAMESPACES}>{fields}</rdf:SphericalVideo>'
            return _box(b"uuid", V1 + xml.encode())
    return b""


def _plain(content: Content, one: Box | None) -> bytes:
    """A box of one of SIZES; empty where it is another."""
    is_plain = one is not None and one.stop - one.body == SIZES.get(one.name)
    return content[one.begin : one.stop] if one is not None and is_plain else b""


def _with_boxes(moov: bytes, index: int, added: SpatialBoxes) -> bytes:
    track = tracks(moov)[index]
    entry, _ = next(sample_entries(moov, track))
    path = [Box(b"moov", 0, 8, len(moov)), track]
    for name in (b"mdia", b"minf", b"stbl", b"stsd"):
        inner = find(moov, path[-1], name)
        assert inner is not None  # sample_entries found it
        path.append(inner)
    grown = bytearray(
        moov[: entry.stop] + added.entry + moov[entry.stop : track.stop] + added.track + moov[track.stop :]
    )
    for one in (*path, entry):
        more = len(added.entry) + (len(added.track) if one.name in (b"moov", b"trak") else 0)
        struct.pack_into(">I", grown, one.begin, one.stop - one.begin + more)
    return bytes(grown)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content
