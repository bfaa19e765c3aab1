"""The output gets its name only with every frame that was read; the sidecar's line of a frame."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import av
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import MediaError
from faceblur.base.options import Options
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.redaction.by_hand import ByHand
from faceblur.redaction.output import finish, line_of, open_output
from faceblur.redaction.preview import Preview
from faceblur.redaction.sidecar_format import SidecarFace
from faceblur.redaction.threads import FileWork, OwnThread
from faceblur.redaction.video_frame import VideoFrame
from faceblur.redaction.written import Written
from faceblur.tracking.boxes import Detection


def write_some(source: Path, target: Path, frames: int) -> Written:
    """Write the first frames of a video, and finish the output as if all of them had been written."""

    async def main(reader: VideoReader, codecs: ThreadPoolExecutor) -> Written:
        work = FileWork(source, codecs, lambda _: None)
        opening = partial(open_output, target, reader, Options(), None, [])
        read = Counter[int]()
        async with OwnThread(opening, "write") as writing:
            output = writing.object
            for item in reader:
                if not isinstance(item, DecodedFrame):
                    continue
                read[item.stream] += 1
                if read[item.stream] <= frames:
                    frame = VideoFrame.of(item)
                    frame.convert(output.writer.pix_fmts)
                    await writing.call(output.write, frame)
            preview = Preview(source, target, lambda: reader, writing.stop, wanted=False)
            return await finish(read, reader, writing, work, by_hand=ByHand(), preview=preview)

    with VideoReader(source) as reader, ThreadPoolExecutor(1) as codecs:
        return asyncio.run(main(reader, codecs))


def test_output_with_fewer_frames_than_were_read_is_refused(face: Image, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", pan(face, (64, 48), 5), audio_codec=None)
    target = tmp_path / "out.mkv"
    with pytest.raises(MediaError, match="4 of 5 frames of stream 0 were written"):
        write_some(source, target, 4)
    assert list(tmp_path.iterdir()) == [source]
    write_some(source, target, 5)
    assert sorted(tmp_path.iterdir()) == [source, target]


def test_line_of_a_frame(face: Image) -> None:
    decoded = DecodedFrame(2, 7, av.VideoFrame.from_ndarray(face, "bgr24"), "a gap")
    decoded.pixels.pts = 700
    high, low, other, last = ((left, 0.0, left + 40, 40.0) for left in (0.0, 50.0, 100.0, 150.0))
    frame = VideoFrame(decoded=decoded, stream=2, number=7, seconds=0.28)
    frame.detections = [Detection(low, 0.1), Detection(high, 0.9), Detection((150.0, 0.0, 190.0, 40.0), 0.05)]
    frame.masks = {1: high, 2: low, 3: other, 4: last}
    frame.gaps, frame.followed, frame.scores, frame.is_searched = {3, 2, 4}, {4}, {1: 0.9, 2: 0.1}, True
    line = line_of(frame, 0.3)
    assert (line.frame, line.pts, line.stream, line.damage) == (7, 700, 2, "a gap")
    assert line.faces == [
        SidecarFace(box=high, score=0.9, track=1, state="detected"),
        SidecarFace(box=low, score=0.1, track=2, state="gap-filled"),  # a low score that continues a track
        SidecarFace(box=other, score=None, track=3, state="gap-filled"),
        SidecarFace(box=last, score=None, track=4, state="followed"),
    ]
    frame.is_searched = False
    assert [face.state for face in line_of(frame, 0.3).faces[1:]] == ["interpolated", "interpolated", "followed"]
