"""A packet that is copied: without what was put around its content, and not at all where it holds what is private."""

from __future__ import annotations

from typing import Any

from av.packet import Packet

from faceblur.media.hidden_files import holds_file
from faceblur.media.private_texts import is_private

# Side data of packets that muxers write; other kinds hold bytes of any meaning, or say nothing to a muxer.
KEPT_SIDE_DATA = frozenset(
    {"palette", "param_change", "skip_samples", "jp_dual_mono", "subtitle_position", "mpegts_stream_id"}
    | {"webvtt_identifier", "webvtt_settings"}
)
MAX_HEADER = 64  # bytes of a codec's header that comes in mid-stream: those of AAC and FLAC are shorter
ADDITION = "matroska_block_additional"
# Codecs whose packets may come between tags.
TAGGED = frozenset({"mp1", "mp2", "mp3", "aac", "aac_latm", "ac3", "eac3"})
ID3_HEADER, ID3V1, APE_FOOTER = 10, 128, 32  # bytes


def cleaned(packet: Packet[Any], codec: str, *, is_text: bool, keep_location: bool) -> Packet[Any] | None:
    """The packet to write: itself where nothing is to be removed, None where it may not be written at all."""
    content = bytes(packet)
    needed = without_tags(content) if codec in TAGGED else content
    private = is_private if is_text and not keep_location else holds_file
    if private(needed) or not needed:
        return None
    names: list[Any] = [one.data_type for one in packet.iter_sidedata()]
    kept = [name for name in names if _is_kept(packet, name, is_text=is_text)]
    if needed is content and len(kept) == len(names):
        return packet
    clean = Packet(needed)
    clean.pts, clean.dts, clean.time_base, clean.duration = packet.pts, packet.dts, packet.time_base, packet.duration
    clean.is_keyframe, clean.stream = packet.is_keyframe, packet.stream
    for name in kept:
        clean.set_sidedata(packet.get_sidedata(name))
    return clean


def without_tags(content: bytes) -> bytes:
    """An audio packet without ID3 before it, and without ID3v1 and APE after it: they hold pictures and texts."""
    at, end = 0, len(content)
    # https://id3.org/id3v2.4.0-structure: each byte of the size has seven bits.
    while content[at : at + 3] == b"ID3" and end - at >= ID3_HEADER and max(content[at + 6 : at + 10]) < 128:
        size = sum(byte << shift for byte, shift in zip(content[at + 6 : at + 10], (21, 14, 7, 0), strict=True))
        at = min(end, at + ID3_HEADER + size + (ID3_HEADER if content[at + 5] & 16 else 0))
    if end - at >= ID3V1 and content[end - ID3V1 : end - ID3V1 + 3] == b"TAG":
        end -= ID3V1
    if content[end - APE_FOOTER : end - APE_FOOTER + 8] == b"APETAGEX":
        size = int.from_bytes(content[end - 20 : end - 16], "little")
        begin = content.find(b"APETAGEX", at)
        end = max(at, min(end - size, begin))
    return content if (at, end) == (0, len(content)) else content[at:end]


def _is_kept(packet: Packet[Any], name: Any, *, is_text: bool) -> bool:
    if name == ADDITION:
        return is_text and not is_private(bytes(packet.get_sidedata(name)))
    if name == "new_extradata":
        return packet.get_sidedata(name).buffer_size <= MAX_HEADER
    return name in KEPT_SIDE_DATA
