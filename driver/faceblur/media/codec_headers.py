"""The headers of codecs in streams that are copied: written anew from what a decoder needs.

Some have room for comments and pictures, which players never show and which nobody would look for there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faceblur.media.hidden_files import holds_file
from faceblur.media.private_texts import is_private

VORBIS_IDENTIFICATION, FLAC_STREAMINFO, ALAC_COOKIE, SPEEX_HEADER = 30, 34, 36, 80  # bytes
OPUS_HEADER = 19  # bytes, without a table of channels: https://www.rfc-editor.org/rfc/rfc7845#section-5.1
TIMED_TEXT = 30  # bytes of 3GPP's sample description before its table of fonts
MAX_OTHER = 1024  # bytes: no other codec needs more
ASS_SECTIONS = ("[script info]", "[v4 styles]", "[v4+ styles]", "[events]")
VOBSUB_LINES = ("size:", "palette:", "custom colors:", "tridx:", "org:")


@dataclass(frozen=True, slots=True)
class CodecHeader:
    """A codec's header with what is needed only; `dropped` names what it held besides."""

    content: bytes
    dropped: tuple[str, ...] = ()


def needed_header(codec: str, content: bytes) -> CodecHeader:
    """A stream's header, FFmpeg's extradata, written anew. Raises ValueError for one that cannot be looked into."""
    try:
        header = HEADERS.get(codec, _other)(content)
    except (struct.error, IndexError) as error:
        raise ValueError(f"the header of {codec} is damaged") from error
    if holds_file(header.content):
        raise ValueError(f"the header of {codec} holds a picture")
    return header


def _vorbis(content: bytes) -> CodecHeader:
    """Three packets: identification, comments, codebooks. https://xiph.org/vorbis/doc/Vorbis_I_spec.html"""
    identification, comments, codebooks = _xiph_packets(content)
    names = tuple(name for name in _comment_names(comments[7:]) if name != "ENCODER")
    packets = (identification[:VORBIS_IDENTIFICATION], b"\3vorbis" + bytes(8) + b"\1", codebooks)
    lacing = b"".join(b"\xff" * (len(one) // 255) + bytes([len(one) % 255]) for one in packets[:2])
    return CodecHeader(b"\2" + lacing + b"".join(packets), names)


def _xiph_packets(content: bytes) -> Sequence[bytes]:
    """The three headers of a codec of Xiph's, as FFmpeg and Matroska store them in one."""
    if content[0] == 2:
        sizes, at = [], 1
        for _ in range(2):
            size = 0
            while content[at] == 255:
                size, at = size + 255, at + 1
            sizes.append(size + content[at])
            at += 1
        first, second = at + sizes[0], at + sum(sizes)
        return content[at:first], content[first:second], content[second:]
    packets, at = [], 0
    for _ in range(3):
        (size,) = struct.unpack_from(">H", content, at)
        packets.append(content[at + 2 : at + 2 + size])
        at += 2 + size
    return packets


def _comment_names(comments: bytes) -> list[str]:
    """The names of Vorbis comments, upper case; they follow the name of the encoder."""
    (size,) = struct.unpack_from("<I", comments)
    (count,) = struct.unpack_from("<I", comments, 4 + size)
    names, at = list[str](), 8 + size
    for _ in range(min(count, MAX_OTHER)):
        (size,) = struct.unpack_from("<I", comments, at)
        names.append(comments[at + 4 : at + 4 + size].partition(b"=")[0].decode(errors="replace").upper())
        at += 4 + size
    return names


def _flac(content: bytes) -> CodecHeader:
    """The block STREAMINFO, alone or as the first after `fLaC`. https://www.rfc-editor.org/rfc/rfc9639#section-8"""
    if content.startswith(b"fLaC"):
        more = ("further blocks",) if len(content) > 8 + FLAC_STREAMINFO and content[42:43] != b"\4" else ()
        return CodecHeader(content[8 : 8 + FLAC_STREAMINFO], more)
    return _first(FLAC_STREAMINFO)(content)


def _opus(content: bytes) -> CodecHeader:
    has_table = content[18] != 0
    return _first(OPUS_HEADER + (2 + content[9] if has_table else 0))(content)


def _timed_text(content: bytes) -> CodecHeader:
    """Its default style, and its boxes of fonts and of the bit rate."""
    at, kept, dropped = TIMED_TEXT, content[:TIMED_TEXT], list[str]()
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        if name in (b"ftab", b"btrt"):
            kept += content[at : at + size]
        else:
            dropped.append(f"box {name.decode(errors='replace')}")
        at += max(size, 8)
    return CodecHeader(kept, tuple(dropped))


def _ass(content: bytes) -> CodecHeader:
    """Its sections of styles; those that embed fonts and pictures, and what editors keep there, are dropped."""
    kept, dropped, in_kept = list[str](), list[str](), True
    for line in content.decode(errors="replace").splitlines(keepends=True):
        if line.strip().startswith("["):
            in_kept = line.strip().lower() in ASS_SECTIONS
            dropped += [] if in_kept else [line.strip()]
        elif in_kept and is_private(line.encode()):
            dropped.append(line.partition(":")[0])
            continue
        kept += [line] if in_kept else []
    return CodecHeader("".join(kept).encode() if dropped else content, tuple(dropped))


def _text(content: bytes) -> CodecHeader:
    if is_private(content):
        raise ValueError("its header holds a location or a file")
    return CodecHeader(content)


def _vobsub(content: bytes) -> CodecHeader:
    lines = content.decode(errors="replace").splitlines(keepends=True)
    return CodecHeader("".join(line for line in lines if line.lower().startswith(VOBSUB_LINES)).encode())


def _other(content: bytes) -> CodecHeader:
    if len(content) > MAX_OTHER or is_private(content):
        raise ValueError("its header holds more than a decoder needs")
    return CodecHeader(content)


def _first(size: int) -> Callable[[bytes], CodecHeader]:
    """The header is so many bytes, and what follows is dropped."""
    return lambda content: CodecHeader(content[:size], ("further bytes",) if len(content) > size else ())


HEADERS: dict[str, Callable[[bytes], CodecHeader]] = {
    "vorbis": _vorbis,
    "flac": _flac,
    "opus": _opus,
    "alac": _first(ALAC_COOKIE),
    "speex": _first(SPEEX_HEADER),
    "mov_text": _timed_text,
    "ass": _ass,
    "ssa": _ass,
    "webvtt": _text,
    "ttml": _text,
    "dvd_subtitle": _vobsub,
}
