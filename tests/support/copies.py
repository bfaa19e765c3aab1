"""Writes a video again without a redaction: what reader and writer alone keep."""

from __future__ import annotations

from pathlib import Path

from faceblur.base.options import Options
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.writer import VideoWriter


def copy(source: Path, target: Path, *, encoder: str | None = None, keep_location: bool = False) -> list[str]:
    """Write a video again; what was left out or changed."""
    options = Options(encoder=encoder, crf=0, keep_location=keep_location)
    with VideoReader(source) as reader, VideoWriter(target, reader, options, reader.cover_art_frames()) as writer:
        for item in reader:
            writer.write(item.in_format(writer.pix_fmts[item.stream]) if isinstance(item, DecodedFrame) else item)
        writer.finish()
        return reader.left_out + writer.left_out
