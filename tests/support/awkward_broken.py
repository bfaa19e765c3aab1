"""Files that are broken in every way, each of which has to be named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.awkward_kind import X264, Kind, Make, ffmpeg


def spoiled(arguments: str, spoil: Callable[[bytes], bytes]) -> Make:
    """A healthy file by ffmpeg whose bytes are then spoiled."""

    def make(material: Path, target: Path) -> None:
        ffmpeg(arguments)(material, target)
        target.write_bytes(spoil(target.read_bytes()))

    return make


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(len(content) * share)]


def flipped(content: bytes) -> bytes:
    """Its middle tenth, which is video, with every bit turned over."""
    start, stop = len(content) * 9 // 20, len(content) * 11 // 20
    return content[:start] + bytes(255 - value for value in content[start:stop]) + content[stop:]


def without_packets(content: bytes) -> bytes:
    """An MPEG-TS that lost some of its packets of 188 bytes on the way."""
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    third = len(packets) // 3
    return b"".join(packets[:third] + packets[third + 7 :])


def without_index(content: bytes) -> bytes:
    """An AVI whose writer died before the index."""
    return content[: content.rindex(b"idx1")]


BROKEN = (
    Kind("cut.mp4", "cut: the header at its end is missing", spoiled(f"{X264} -c:a aac", cut(0.6))),
    Kind(
        "cut_after_header.mp4",
        "cut: the header announces more data",
        spoiled(f"{X264} -c:a aac -movflags +faststart", cut(0.6)),
    ),
    Kind("cut.mkv", "cut", spoiled(f"{X264} -c:a aac", cut(0.5))),
    Kind("cut.ts", "cut inside a packet", spoiled(f"{X264} -bf 0 -c:a mp2", cut(0.5))),
    Kind("flipped.mp4", "flipped bytes in its middle", spoiled(f"{X264} -c:a aac", flipped)),
    Kind("flipped.mkv", "flipped bytes in its middle", spoiled("-c:v mpeg4 -q:v 3 -c:a aac", flipped)),
    Kind("lost_packets.ts", "packets are missing", spoiled(f"{X264} -bf 0 -c:a mp2", without_packets)),
    Kind("no_index.avi", "no index", spoiled("-c:v mpeg4 -q:v 3 -c:a libmp3lame", without_index)),
    Kind("text.mp4", "a text file", lambda _, target: target.write_text("no video at all\n") and None),
    Kind("only_sound.mp4", "no video stream", ffmpeg("-vn -c:a aac")),
    Kind("empty.mp4", "no bytes", lambda _, target: target.touch()),
)
