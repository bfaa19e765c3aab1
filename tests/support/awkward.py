"""Small real files of the awkward kinds that people have, each named after what breaks it; made by ffmpeg and PyAV.

All healthy ones show the same 12 frames of a real face, 192x144 upright, with a tone, so that one measure fits them.
`python -m tests.support.awkward FOLDER` writes them all.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
from PIL import ImageFont

from examples.sample_clip import write_clip
from tests.support.awkward_broken import BROKEN
from tests.support.awkward_healthy import HEALTHY
from tests.support.awkward_kind import FRAMES, Kind, make_images

SUBTITLES = "1\n00:00:00,100 --> 00:00:00,300\na line\n"
CHAPTERS = """;FFMETADATA1
title=a title
[CHAPTER]
TIMEBASE=1/1000
START=0
END=200
title=first
[CHAPTER]
TIMEBASE=1/1000
START=200
END=480
title=second
"""


def make_all(kinds: tuple[Kind, ...], material: Path, folder: Path) -> None:
    """Write every kind below a folder; `material` is a folder for what they are made of."""
    material.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if not (material / "face.mkv").exists():
        write_material(material)
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(kind.make, material, folder / kind.name) for kind in kinds]:
            done.result()


def write_material(folder: Path) -> None:
    lossless = {"video_codec": "ffv1", "pix_fmt": "yuv444p", "audio_codec": "pcm_s16le"}
    write_clip(folder / "face.mkv", make_images(), **lossless)  # type: ignore[arg-type]
    write_clip(folder / "more.mkv", make_images(2 * FRAMES), rate=Fraction(50), **lossless)  # type: ignore[arg-type]
    cv2.imwrite(str(folder / "still.jpg"), make_images()[0])
    (folder / "lines.srt").write_text(SUBTITLES)
    (folder / "chapters.txt").write_text(CHAPTERS)
    (folder / "font.ttf").write_bytes(font())


def font() -> bytes:
    """A small TrueType font, the one in Pillow."""
    found: Any = ImageFont.load_default(10)
    content: bytes = found.path.getvalue()
    return content


if __name__ == "__main__":
    make_all(HEALTHY, Path(sys.argv[1], "material"), Path(sys.argv[1], "healthy"))
    make_all(BROKEN, Path(sys.argv[1], "material"), Path(sys.argv[1], "broken"))
