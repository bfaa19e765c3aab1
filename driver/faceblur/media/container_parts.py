"""Parts of a container that FFmpeg does not hand on: they are in no output, and are named.

Read are the boxes of MP4 and MOV, and the tracks of Matroska.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path

from faceblur.media.ebml import read_element
from faceblur.media.iso_boxes import AUDIO, VIDEO, Box, Content, boxes, find, kind_of, sample_entries, tracks

# Boxes that hold a file's structure, what is written anew, and what FFmpeg reads: tags, side data, headers of codecs.
TOP = frozenset(b"ftyp moov mdat free skip wide pnot moof mfra sidx ssix styp prft pdin udta".split())
MOVIE = frozenset(b"mvhd iods trak mvex udta meta cmov ctab prfl clip free skip".split())
TRACK = frozenset(b"tkhd edts mdia tref udta meta load txas free skip".split())
USER_DATA = frozenset(
    b"meta name hnti hinf chpl gnre titl auth cprt dscp perf yrrc albm loci kywd rtng clsf tsel WLOC SelO AllF".split()
) | {b"LOOP", b"tagc", b"ptv ", b"cdis", b"free", b"skip", b"tnam", bytes(4)}
ENTRY = frozenset(
    b"avcC hvcC vvcC vpcC av1C evcC esds d263 glbl jp2h jP2H colr pasp fiel btrt mdcv clli SmDm CoLL st3d sv3d".split()
    + b"gama wave chan dac3 dec3 dac4 dOps dfLa alac damr ddts udts dmlp mhaC pcmC srat frma enda chnl free".split()
    + b"ACLR ARES APRG ASDF AVSD ADHR name term strf FIEL cios imxp".split()
)
MESH = b"mshp"  # in `sv3d`, whose other projections FFmpeg reads
DOLBY_VISION = "Dolby Vision's configuration"
NAMES = {
    MESH: "360° projection by a mesh",
    b"clap": "clean aperture",
    b"tapt": "track aperture",
    b"SA3D": "spatial audio",
    b"lhvC": "further layers of HEVC, as a second view",
    b"vexu": "stereo video",
    b"hfov": "field of view",
    b"lvcC": "LCEVC's enhancement",
    b"amve": "ambient viewing environment",
    b"emsg": "event messages",
    b"XMP_": "XMP",
    **dict.fromkeys((b"dvcC", b"dvvC", b"dvwC", b"hvcE", b"avcE", b"vvcE"), DOLBY_VISION),
}
# The identities of boxes `uuid`.
XMP, SPHERICAL = bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
# Matroska's elements: https://www.rfc-editor.org/rfc/rfc9559
SEGMENT, TRACKS, TRACK_ENTRY, VIDEO_ELEMENT, CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675
MAPPING, MAPPING_TYPE, TRACK_NUMBER = 0x41E4, 0x41E7, 0xD7
CROPS = frozenset({0x54AA, 0x54BB, 0x54CC, 0x54DD})
DOLBY_VISION_TYPES = frozenset({0x64766343, 0x64767643, 0x64767743})  # dvcC, dvvC, dvwC
HEAD_BYTES = 1 << 22  # the tracks come before everything large


def container_parts(path: Path, formats: Sequence[str]) -> list[str]:
    """The parts of a file that no output keeps, by plain names. Raises OSError."""
    walk = _iso_parts if "mp4" in formats else _matroska_parts if "matroska" in formats else None
    if walk is None:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return list(dict.fromkeys(walk(content)))


def _iso_parts(content: mmap.mmap) -> Iterator[str]:
    unknown: list[bytes] = []
    end = 0
    for one in boxes(content, 0, len(content)):
        if one.name not in TOP and content[one.begin : one.begin + 4] == bytes(4):
            break  # padding or a camera's trailer: only the movie's data have the length that means "to the end"
        end = one.stop
        unknown += _unknown(content, [one], TOP)
        if one.name == b"moov":
            inside = list(boxes(content, one.body, one.stop))
            unknown += _unknown(content, inside, MOVIE)
            for user_data in (box for box in inside if box.name == b"udta"):
                unknown += _unknown(content, boxes(content, user_data.body, user_data.stop), USER_DATA)
    for number, track in enumerate(tracks(content)):
        inside = list(boxes(content, track.body, track.stop))
        found = list(_unknown(content, inside, TRACK)) if kind_of(content, track) in (VIDEO, AUDIO) else []
        for user_data in (box for box in inside if box.name == b"udta"):
            found += _unknown(content, boxes(content, user_data.body, user_data.stop), USER_DATA)
        for entry, begin in sample_entries(content, track):
            found += _unknown(content, boxes(content, begin, entry.stop), ENTRY)
            spherical = (one for one in boxes(content, begin, entry.stop) if one.name == b"sv3d")
            found += [MESH for one in spherical if find(content, one, b"proj", MESH)]
        if names := _named(found):
            yield f"stream {number}: {names}"
    if names := _named(unknown):
        yield f"boxes of the file: {names}"
    if end < len(content) and content[end:].strip(b"\0\xff"):
        yield f"{len(content) - end} bytes after its last box"


def _unknown(content: Content, found: Iterator[Box] | list[Box], known: frozenset[bytes]) -> Iterator[bytes]:
    for one in found:
        # Tags of QuickTime begin with a copyright sign.
        if one.name not in known and not one.name.startswith(b"\xa9"):
            identity = content[one.body : one.body + 16] if one.name == b"uuid" else b""
            if identity != SPHERICAL:  # FFmpeg hands it on as side data
                yield b"XMP_" if identity == XMP else one.name


def _named(found: Iterator[bytes] | list[bytes]) -> str:
    return ", ".join(dict.fromkeys(NAMES.get(name) or _text(name) for name in found))


def _text(name: bytes) -> str:
    text = name.decode("latin-1").strip()
    return text if text.isprintable() else name.hex()


def _matroska_parts(content: mmap.mmap) -> Iterator[str]:
    head = content[:HEAD_BYTES]
    for number, (begin, stop) in enumerate(_tracks(head)):
        names = []
        for identity, at, end in _elements(head, begin, stop):
            if identity == MAPPING:
                types = [int.from_bytes(head[a:b]) for kind, a, b in _elements(head, at, end) if kind == MAPPING_TYPE]
                names += [DOLBY_VISION for kind in types if kind in DOLBY_VISION_TYPES]
            elif identity == VIDEO_ELEMENT:
                crops = [int.from_bytes(head[a:b]) for kind, a, b in _elements(head, at, end) if kind in CROPS]
                names += [NAMES[b"clap"]] if any(crops) else []
        if names:
            yield f"stream {number}: {', '.join(dict.fromkeys(names))}"


def _tracks(head: bytes) -> Iterator[tuple[int, int]]:
    """Where the content of each track's entry begins and ends."""
    for identity, begin, stop in _elements(head, 0, len(head)):
        if identity == SEGMENT:
            for inner, at, end in _elements(head, begin, stop):
                if inner == CLUSTER:
                    return
                if inner == TRACKS:
                    yield from ((a, b) for kind, a, b in _elements(head, at, end) if kind == TRACK_ENTRY)


def _elements(head: bytes, at: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """The elements in a part of a file: identity, begin and end of the content, as far as they fit into it."""
    while at < stop:
        try:
            identity, begin, length = read_element(head, at)
        except IndexError:
            return
        end = stop if length is None else begin + length
        yield identity, begin, min(end, stop)
        at = end
