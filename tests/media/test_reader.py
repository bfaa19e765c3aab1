"""Reading: broken files are named, odd ones are read in full, and nothing passes for complete that is not."""

from __future__ import annotations

import os
import re
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import MediaError
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.timestamps import frame_rate
from tests.support import clips as media
from tests.support.awkward_kind import run_ffmpeg
from tests.support.copies import copy


@pytest.mark.parametrize(
    ("suffix", "codec", "audio"),
    [(".mkv", "libx264", "aac"), (".webm", "libvpx-vp9", "libopus"), (".mp4", "libx264", "aac")],
)
def test_cut_file_is_never_complete(face: Image, tmp_path: Path, suffix: str, codec: str, audio: str) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", pan(face, (160, 120), 100), video_codec=codec, audio_codec=audio)
    content = clip.read_bytes()
    copy(clip, tmp_path / "out" / clip.name)
    for share in (0.3, 0.6):
        clip.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(MediaError, match=r"cut short|not a video that can be read|damaged"):
            copy(clip, tmp_path / "cut" / clip.name)
    assert not list((tmp_path / "cut").glob("*")) if (tmp_path / "cut").exists() else True


def test_a_file_that_ends_between_two_parts_is_not_complete(face: Image, tmp_path: Path) -> None:
    """As where a recorder that never wrote the size of the whole is stopped: only the header's length shows it."""
    clip = write_clip(tmp_path / "clip.mkv", pan(face, (64, 48), 200), audio_codec=None)
    content = bytearray(clip.read_bytes())
    size = content.index(b"\x18\x53\x80\x67") + 4  # of the segment
    content[size : size + 8] = b"\x01" + b"\xff" * 7
    clip.write_bytes(content)
    copy(clip, tmp_path / "out" / clip.name)
    clip.write_bytes(content[: content.rindex(b"\x1f\x43\xb6\x75")])  # without its last cluster
    with pytest.raises(MediaError, match=r"cut short at [45]\.\d+ s: its header promises 8\.000 s"):
        copy(clip, tmp_path / "cut" / clip.name)


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".ts", ".mp4"])
def test_file_that_begins_late_is_complete(face: Image, tmp_path: Path, suffix: str) -> None:
    clip = write_clip(
        tmp_path / f"late{suffix}",
        pan(face, (160, 120), 50),
        pts=range(125, 175),
        time_base=Fraction(1, 25),
        video_codec="libvpx-vp9" if suffix == ".webm" else "libx264",
        audio_codec=None,
    )
    copy(clip, tmp_path / "out" / clip.name)
    assert media.times(tmp_path / "out" / clip.name) == media.times(clip)


def test_flipped_bytes_are_refused(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pan(face, (320, 240), 50))
    content = bytearray(clip.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(255 - value for value in content[middle : middle + 3000])
    clip.write_bytes(content)
    with pytest.raises(MediaError, match="damaged"):
        copy(clip, tmp_path / "out.mp4")


def test_a_part_that_ffmpeg_cannot_read_is_damage(face: Image, tmp_path: Path) -> None:
    """The structure of RealMedia is not checked: nothing else tells that it was cut."""
    source = write_clip(tmp_path / "clip.mp4", pan(face, (320, 240), 25), audio_codec=None)
    run_ffmpeg("-i {source} -c:v rv10 {out}", source=source, out=tmp_path / "clip.rm")
    content = (tmp_path / "clip.rm").read_bytes()
    (tmp_path / "cut.rm").write_bytes(content[: len(content) // 2])
    with VideoReader(tmp_path / "clip.rm") as reader:
        assert sum(isinstance(item, DecodedFrame) for item in reader) == 25
    with VideoReader(tmp_path / "cut.rm") as reader, pytest.raises(MediaError, match="damaged at"):
        list(reader)


def test_a_picture_of_which_no_frame_comes_is_damage(face: Image, tmp_path: Path) -> None:
    """FFmpeg's decoder of MPEG-2 says nothing where a picture has no beginning."""
    clip = write_clip(tmp_path / "clip.avi", pan(face, (160, 120), 12), video_codec="mpeg2video", audio_codec=None)
    content = bytearray(clip.read_bytes())
    pictures = [one.start() for one in re.finditer(rb"\x00\x00\x01\x00", content)]
    content[pictures[5] + 3] = 0x02
    clip.write_bytes(content)
    with VideoReader(clip) as reader, pytest.raises(MediaError, match="without a frame: 1 packet of stream 0"):
        list(reader)


def test_avi_with_dropped_frames_is_complete(face: Image, tmp_path: Path) -> None:
    pts = [*range(10), *range(31, 60)]
    clip = write_clip(
        tmp_path / "gaps.avi", pan(face, (160, 120), len(pts)), pts=pts, time_base=Fraction(1, 25), audio_codec=None
    )
    copy(clip, tmp_path / "out" / "gaps.avi")
    assert len(media.frames(tmp_path / "out" / "gaps.avi")) == len(pts)


def test_frames_are_numbered_by_stream(face: Image, tmp_path: Path) -> None:
    clip = tmp_path / "two.mkv"
    with av.open(str(clip), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height = 160, 120
        for stream, count in zip(streams, (3, 5), strict=True):
            for image in pan(face, (160, 120), count):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
            container.mux(stream.encode(None))
    with VideoReader(clip) as reader:
        frames = [item for item in reader if isinstance(item, DecodedFrame)]
    for stream, count in ((0, 3), (1, 5)):
        assert [frame.number for frame in frames if frame.stream == stream] == list(range(count))


@pytest.mark.skipif(not shutil.which("ffmpeg") and not os.environ.get("CI"), reason="no ffmpeg")
def test_reordered_frames_in_asf_have_rising_times(tmp_path: Path) -> None:
    video = "-f lavfi -i testsrc=d=0.6:s=64x48:r=25 -c:v libx264 -pix_fmt yuv420p -bf 3"
    run_ffmpeg(f"{video} {{target}}", target=tmp_path / "a.asf")
    with VideoReader(tmp_path / "a.asf") as reader:
        times = [round(item.seconds * 1000) for item in reader if isinstance(item, DecodedFrame)]
    assert len(times) == 15 and np.diff(times).tolist() == [40] * 14


def test_theora_repeats_frames_with_empty_packets(face: Image, tmp_path: Path) -> None:
    """Such a packet is no damage: the frame before it stays."""
    still = write_clip(
        tmp_path / "still.mp4", [np.ascontiguousarray(face[:120, :160])] * 8 + list(pan(face, (160, 120), 6))
    )
    run_ffmpeg("-i {a} -an -c:v libtheora -q:v 8 {b}", a=still, b=tmp_path / "a.ogv")
    with av.open(str(tmp_path / "a.ogv")) as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.dts is not None]
    assert 0 in sizes[:-1], sizes
    with VideoReader(tmp_path / "a.ogv") as reader:
        assert sum(isinstance(one, DecodedFrame) for one in reader) == sum(map(bool, sizes))


@pytest.mark.parametrize("rate", [12, 15, 25, 50])
@pytest.mark.parametrize("name", ["a.h264", "a.hevc"])
def test_the_rate_of_a_stream_without_times_is_its_own(face: Image, tmp_path: Path, name: str, rate: int) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pan(face, (160, 120), 6), audio_codec=None)
    run_ffmpeg(f"-i {{a}} -r {rate} {{b}}", a=clip, b=tmp_path / name)
    with VideoReader(tmp_path / name) as reader:
        assert frame_rate(reader.main_stream) == rate
