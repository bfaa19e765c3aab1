"""Writing: names, sizes and brightness stay, no frame is lost, and nothing incomplete gets the final name."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import av
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.atomic_files import temporary_path
from faceblur.base.errors import MediaError
from faceblur.base.options import Options
from faceblur.media.frame_sequence import FrameSequence
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.writer import VideoWriter
from tests.support import clips as media
from tests.support.changing import write_parts
from tests.support.copies import copy


def test_videos_of_two_lengths(face: Image, tmp_path: Path) -> None:
    clip = tmp_path / "two.mkv"
    with av.open(str(clip), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height = 160, 120
        for stream, images in zip(streams, (pan(face, (160, 120), 25), pan(face, (160, 120), 100)), strict=True):
            for image in images:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
            container.mux(stream.encode(None))
    assert copy(clip, tmp_path / "out" / "two.mkv") == []
    with av.open(str(tmp_path / "out" / "two.mkv")) as container:
        streams = [frame.time_base and packet.stream.index for packet in container.demux() for frame in packet.decode()]
    assert [streams.count(index) for index in (0, 1)] == [25, 100]


@pytest.mark.parametrize(
    "name", ["T12:30:00.mp4", "x" * 251 + ".mp4", "-dash.mp4", "two\nlines.mp4", "100%d.mp4", "é ü.mp4"]
)
def test_names(face: Image, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "plain.mp4", pan(face, (64, 48), 3))
    (tmp_path / "in").mkdir()
    clip.rename(tmp_path / "in" / name)
    monkeypatch.chdir(tmp_path / "in")
    copy(Path(name), tmp_path / "out" / name)
    assert len(list((tmp_path / "out").iterdir())) == 1 and len(temporary_path(Path(name)).name) < 60


@pytest.mark.parametrize("size", [(161, 120), (160, 121), (35, 33)])
def test_odd_sizes_keep_their_size_and_say_what_changed(face: Image, tmp_path: Path, size: tuple[int, int]) -> None:
    clip = write_clip(tmp_path / "odd.mkv", pan(face, size, 5), video_codec="mpeg4", audio_codec=None)
    target = tmp_path / "out" / "odd.mkv"
    assert copy(clip, target) == []
    assert copy(clip, target, encoder="libx264") == ["pixel format yuv420p: written as yuv444p"]
    assert media.frames(target)[0].shape == (size[1], size[0], 3)


def test_gray_keeps_its_brightness(face: Image, tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "gray.mkv", pan(face, (160, 120), 4), video_codec="ffv1", pix_fmt="gray", audio_codec=None
    )
    copy(clip, tmp_path / "out" / "gray.mkv")
    for before, after in zip(media.frames(clip), media.frames(tmp_path / "out" / "gray.mkv"), strict=True):
        assert np.abs(before.astype(int) - after).mean() < 1


def test_process_survives_what_it_cannot_write(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pan(face, (160, 120), 3))
    target = tmp_path / "out.mp4"
    with VideoReader(clip) as reader, VideoWriter(target, reader, Options(encoder="libx264")) as writer:
        writer.write(next(item for item in reader if isinstance(item, DecodedFrame)))
    assert not target.exists() and not temporary_path(target).exists()


def test_writer_refuses_a_sequence_with_a_lost_frame(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pan(face, (160, 120), 6))
    target = tmp_path / "out.mp4"
    with VideoReader(clip) as reader, VideoWriter(target, reader, Options()) as writer:
        frames = [item for item in reader if isinstance(item, DecodedFrame)]
        assert [frame.number for frame in frames] == list(range(6))
        for frame in frames[:2]:
            writer.write(frame)
        for wrong in (frames[3], frames[1]):
            with pytest.raises(MediaError, match=rf"^{target}: internal error: frame 2 of stream 0 .* faceblur$"):
                writer.write(wrong)
        assert writer.sequence.counts == {0: 2}
    assert not target.exists()


def test_an_output_that_lacks_frames_of_any_stream_is_refused(tmp_path: Path) -> None:
    sequence = FrameSequence(tmp_path / "out.mkv")
    for stream, number in ((0, 0), (3, 0), (0, 1)):
        sequence.check_next(DecodedFrame(stream, number, av.VideoFrame(16, 16)))
    sequence.check_complete({0: 2, 3: 1})
    for read in ({0: 2, 3: 2}, {0: 3, 3: 1}, {0: 2, 3: 1, 4: 1}):
        with pytest.raises(MediaError, match=r"of [123] frames of stream [034] were written"):
            sequence.check_complete(read)


def test_a_frame_of_another_size_is_refused(face: Image, tmp_path: Path) -> None:
    """PyAV's encoders would stretch it, and the masks with it."""
    clip = write_clip(tmp_path / "clip.mp4", pan(face, (160, 120), 3))
    other = write_clip(tmp_path / "other.mp4", pan(face, (120, 160), 3))
    with VideoReader(other) as reader:
        frame = next(item for item in reader if isinstance(item, DecodedFrame))
    refused = pytest.raises(MediaError, match="frame 0 is 120x160, the output 160x120")
    with VideoReader(clip) as reader, VideoWriter(tmp_path / "out.mp4", reader, Options()) as writer, refused:
        writer.write(frame)


def test_what_the_disk_does_not_store_gets_no_name(
    face: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    clip = write_clip(tmp_path / "clip.mp4", pan(face, (160, 120), 3))
    with VideoReader(clip) as reader, VideoWriter(tmp_path / "out.mp4", reader, Options()) as writer:
        for item in reader:
            writer.write(item)
        monkeypatch.setattr(os, "fsync", fails)
        with pytest.raises(MediaError, match=r"out\.mp4: cannot be written: Input/output error"):
            writer.finish()
    assert list(tmp_path.iterdir()) == [clip]


def test_interlaced_frames_after_progressive_ones_are_named(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", pan(face, (160, 96), 12), video_codec="ffv1", audio_codec=None)
    x264 = "-c:v libx264 -preset ultrafast"
    source = write_parts(clip, tmp_path / "fields.ts", [x264, f"{x264} -vf setfield=tff -flags +ildct+ilme"], 12)
    expected = "stream 0 (video, h264): interlaced fields of later frames, woven into frames"
    assert expected in copy(source, tmp_path / "out.ts")
