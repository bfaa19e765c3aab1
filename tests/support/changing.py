"""Videos whose frames change in mid-stream, as recorders of calls and broadcasts write them: parts that are joined."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av

from tests.support.awkward_kind import run_ffmpeg

RATE = 25
FLV_HEADER, FLV_TAG = 13, 11  # bytes


def write_parts(clip: Path, target: Path, parts: Sequence[str], frames: int) -> Path:
    """Encode the first `frames` of a clip with each of `parts`, ffmpeg's options, and join them in one stream.

    The packets go into the target as they are: its header says what the first part is.
    """
    pieces = []
    for index, options in enumerate(parts):
        piece = target.with_name(f"{target.stem}.part{index}{target.suffix}")
        run_ffmpeg(f"-i {{clip}} -frames:v {frames} -an {options} -threads 1 {{piece}}", clip=clip, piece=piece)
        pieces.append(piece)
    (_join_flv if target.suffix == ".flv" else _join)(pieces, target, frames)
    for piece in pieces:
        piece.unlink()
    return target


def _join(pieces: Sequence[Path], target: Path, frames: int) -> None:
    """Write the packets of files with one video stream each as one stream, each part after the one before."""
    with av.open(str(target), "w") as output:
        stream = None
        for index, piece in enumerate(pieces):
            with av.open(str(piece)) as source:
                video = source.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                first = None
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    first = packet.pts if first is None else first
                    shift = round(index * frames / RATE / packet.time_base) - first
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    output.mux(packet)


def _join_flv(pieces: Sequence[Path], target: Path, frames: int) -> None:
    """Join tags, with a new header of the codec before each part, as servers of live streams do."""
    joined = bytearray(pieces[0].read_bytes()[:FLV_HEADER])
    for index, piece in enumerate(pieces):
        content, at = piece.read_bytes(), FLV_HEADER
        while at < len(content):
            end = at + FLV_TAG + int.from_bytes(content[at + 1 : at + 4]) + 4
            tag = bytearray(content[at:end])
            time = int.from_bytes(tag[4:7]) + index * frames * 1000 // RATE
            tag[4:7] = time.to_bytes(3)
            if tag[0] == 9:  # video: neither metadata
                joined += tag
            at = end
    target.write_bytes(joined)
