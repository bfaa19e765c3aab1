"""Recordings that were put together: every frame and packet is kept, in order, with sound and picture in step."""

from __future__ import annotations

import os
import re
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from faceblur.base.errors import MediaError
from faceblur.media.joins import WINDOW_PACKETS, Joins
from faceblur.media.reader import VideoReader
from tests.support.awkward_kind import run_ffmpeg
from tests.support.copies import copy

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg") and not os.environ.get("CI"), reason="no ffmpeg")
FRAME = 1 / 25
# In every piece of 3 s one white frame and a beep, both at 1 s.
PIECE = (
    """-f lavfi -i "color=black:s=64x48:r=25:d=3,drawbox=c=white:t=fill:enable='eq(n,25)'" """
    """-f lavfi -i "aevalsrc='if(between(t,1,1.04),sin(2*PI*1000*t),0)':d=3:s=48000" -pix_fmt yuv420p -c:a mp2 """
)
H264, MPEG2 = "-c:v libx264 -g 25 -bf 2 -threads 1", "-c:v mpeg2video -g 12 -bf 2 -threads 1"
DAY = "-output_ts_offset 86000"
LONG_BITRATE = "-b:a 64k"  # so that sound and picture of one time are further apart in the file


def piece(folder: Path, name: str, options: str) -> bytes:
    path = folder / name
    run_ffmpeg(f"{PIECE} {options} {{path}}", path=path)
    return path.read_bytes()


def flashes_and_beeps(path: Path) -> tuple[list[float], list[float]]:
    """When frames turn white, and when the sound begins, in seconds."""
    flashes, beeps, last = [], [], -1.0
    with av.open(str(path)) as container:
        decoded: list[Any] = list(container.decode())
    for frame in sorted(decoded, key=lambda one: one.time):
        if isinstance(frame, av.VideoFrame):
            if frame.to_ndarray(format="gray").mean() > 128:
                flashes.append(frame.time)
        elif len(loud := np.flatnonzero(np.abs(np.asarray(frame.to_ndarray(), float)[0]) > loudness(frame))):
            time = frame.time + loud[0] / frame.sample_rate
            if time > last + 0.5:
                beeps.append(time)
            last = time
    return flashes, beeps


def loudness(frame: Any) -> float:
    return 0.2 if "flt" in frame.format.name else 0.2 * 32768


def packet_bytes(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(bytes(packet) for packet in container.demux(audio=0))


def check(source: Path, target: Path, pieces: int) -> list[str]:
    """Copy a source that is `pieces` long; returns what its report says."""
    notes = copy(source, target)
    with av.open(str(target)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == 75 * pieces
    assert np.all(np.diff(times) > 0)
    assert times[-1] - times[0] == pytest.approx(3 * pieces, abs=0.1 * pieces)
    assert packet_bytes(target) == packet_bytes(source)
    flashes, beeps = flashes_and_beeps(target)
    assert len(flashes) == len(beeps) == pieces
    assert np.abs(np.subtract(flashes, beeps)).max() < FRAME
    return notes


@pytest.mark.parametrize(
    ("suffix", "pieces", "jumps"),
    [
        (".ts", [H264, H264], 1),
        (".ts", [H264, f"{H264} {LONG_BITRATE}", H264, f"{H264} {LONG_BITRATE}"], 3),
        (".ts", [MPEG2, MPEG2], 1),
        (".vob", [MPEG2, MPEG2], 1),  # two cells of a DVD
        (".mpg", [MPEG2, MPEG2, MPEG2], 2),
        (".ts", [H264, f"{H264} -output_ts_offset 86000"], 1),
        (".ts", [f"{H264} -output_ts_offset 86000", H264], 1),
        (".ts", [H264, f"{H264} -output_ts_offset 86000", f"{H264} -output_ts_offset 3"], 2),
        (".ts", [f"{H264} -output_ts_offset 95441"], 0),  # its counter of 33 bits begins anew
        (".vob", [f"{MPEG2} -output_ts_offset 95441"], 0),
    ],
)
def test_pieces_follow_each_other(tmp_path: Path, suffix: str, pieces: list[str], jumps: int) -> None:
    contents = [piece(tmp_path, f"{number}{suffix}", options) for number, options in enumerate(pieces)]
    source = tmp_path / f"joined{suffix}"
    source.write_bytes(b"".join(contents))
    notes = check(source, tmp_path / "out" / source.name, len(pieces))
    assert len(notes) == bool(jumps), notes
    assert all(re.match(r"the clock jumps from \d+\.\d{3} s to .* shifted .* all streams alike", one) for one in notes)
    assert all((f"{jumps - 1} more time" in one) == (jumps > 1) for one in notes)


def test_pieces_that_a_receiver_numbered_on(tmp_path: Path) -> None:
    """Its packets are numbered from any number on, and its tables do not come first."""
    contents = [piece(tmp_path, f"{number}.ts", H264) for number in range(2)]
    numbered = bytearray(contents[1][3 * 188 :])
    for at in range(0, len(numbered), 188):
        numbered[at + 3] = numbered[at + 3] & 0xF0 | (numbered[at + 3] + 5) & 0x0F
    source = tmp_path / "joined.ts"
    source.write_bytes(contents[0] + bytes(numbered))
    assert len(check(source, tmp_path / "out" / source.name, 2)) == 1


@pytest.mark.parametrize("audio", ["mp2", "aac"])
@pytest.mark.parametrize("second", ["-mpegts_start_pid 0x200", "-streamid 0:0x200", "-streamid 1:0x203"])
def test_pieces_with_other_numbers_of_streams(tmp_path: Path, second: str, audio: str) -> None:
    options = f"{H264} -c:a {audio}"
    contents = [piece(tmp_path, f"{number}.ts", f"{options} {more}") for number, more in enumerate(("", second))]
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(contents))
    notes = copy(source, tmp_path / "out" / "joined.ts")
    assert any(note.startswith("the clock jumps") for note in notes)
    with av.open(str(tmp_path / "out" / "joined.ts")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == 150 and np.all(np.diff(times) > 0)
    assert times[-1] - times[0] == pytest.approx(6, abs=0.2)
    sound = b"".join(packet_bytes(tmp_path / f"{number}.ts") for number in range(2))
    assert packet_bytes(tmp_path / "out" / "joined.ts") == sound
    flashes, beeps = flashes_and_beeps(tmp_path / "out" / "joined.ts")
    assert len(flashes) == len(beeps) == 2
    assert np.abs(np.subtract(flashes, beeps)).max() < FRAME


def test_a_clock_that_jumps_by_a_day_promises_no_frames(tmp_path: Path) -> None:
    pieces = [piece(tmp_path, f"{number}.ts", options) for number, options in enumerate((H264, f"{H264} {DAY}"))]
    (tmp_path / "joined.ts").write_bytes(b"".join(pieces))
    expected = []
    for name in ("0.ts", "joined.ts"):
        with VideoReader(tmp_path / name) as reader:
            expected.append(reader.expected_frames)
    assert expected[0] == pytest.approx(75, abs=1) and expected[1] is None


def test_a_recorder_that_starts_anew_in_one_flv(tmp_path: Path) -> None:
    options = "-c:v flv -g 25 -c:a libmp3lame -ar 44100"
    contents = [piece(tmp_path, f"{number}.flv", options) for number in range(2)]
    source = tmp_path / "joined.flv"
    source.write_bytes(contents[0] + contents[1][13:])
    assert len(check(source, tmp_path / "out" / source.name, 2)) == 1


def test_lost_packets_before_no_jump_are_damage(tmp_path: Path) -> None:
    content = piece(tmp_path, "0.ts", H264)
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    half = len(packets) // 2
    video = next(
        number for number in range(half, len(packets)) if packets[number][1] & 31 == 1 and not packets[number][2]
    )
    (tmp_path / "lost.ts").write_bytes(b"".join(packets[:video] + packets[video + 1 :]))
    with pytest.raises(MediaError, match="damaged"):
        copy(tmp_path / "lost.ts", tmp_path / "out" / "lost.ts")


def packets(times: list[float | None]) -> list[Any]:
    """Packets of a video stream with these times."""
    container = av.open("nowhere", "w", format="null")
    stream = container.add_stream("mpeg4", rate=25)
    made = []
    for time in times:
        packet: Any = av.Packet(b"content")
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = None if time is None else round(time * 1000)
        packet.duration = 40
        made.append(packet)
    return made


@pytest.mark.parametrize(
    ("times", "shifted"),
    [
        ([0.0, 0.04, 0.08], [0.0, 0.04, 0.08]),
        ([0.0, 0.04, 20.0, 20.04, 20.08], [0.0, 0.04, 0.08, 0.12, 0.16]),
        ([5.0, 5.04, 0.0, 0.04, 0.08], [5.0, 5.04, 5.08, 5.12, 5.16]),
        ([5.0, 5.04, None, 0.0, 0.04], [5.0, 5.04, None, 5.08, 5.12]),
        # A single packet is no jump: its time is damaged, and what follows is not shifted.
        ([0.0, 0.04, 99.0, 0.12, 0.16], [0.0, 0.04, 99.0, 0.12, 0.16]),
        ([5.0, 5.04, 0.0, 5.12, 5.16], [5.0, 5.04, 0.0, 5.12, 5.16]),
        # Back to the first clock: it is later than what was shifted in between.
        ([0.0, 0.04, 50.0, 50.04, 0.08, 0.12], [0.0, 0.04, 0.08, 0.12, 0.16, 0.20]),
    ],
)
def test_one_shift_for_each_jump(times: list[float | None], shifted: list[float | None]) -> None:
    for _ in range(2):
        found = [None if one.pts is None else one.pts / 1000 for one in Joins(["mpegts"]).joined(packets(times))]
        assert found == shifted
        found = [None if one.pts is None else one.pts / 1000 for one in Joins(["mp4", "mov"]).joined(packets(times))]
        assert found == times


def test_memory_is_bounded_and_a_thousand_jumps_are_one_line() -> None:
    joins, times = Joins(["mpegts"]), [n % 4 * 0.04 + 1000 * (n // 4 % 2) for n in range(4000)]
    given = 0

    def counted() -> Any:
        nonlocal given
        for packet in packets(times):
            given += 1
            yield packet

    for taken, _ in enumerate(joins.joined(counted())):
        assert given - taken <= WINDOW_PACKETS + 1
    assert len(joins.notes) == 1 and "998 more times" in joins.notes[0]


@pytest.mark.parametrize("codec", [H264, MPEG2])
def test_segments_of_one_recording(tmp_path: Path, codec: str) -> None:
    """The clock goes on, and the packets' numbers begin anew: FFmpeg marks what is before a join as damaged."""
    run_ffmpeg(f"{PIECE} {codec} {{path}}", path=tmp_path / "whole.ts")
    pattern = tmp_path / "part%d.ts"
    run_ffmpeg(
        f"-i {tmp_path / 'whole.ts'} -map 0 -c copy -f segment -segment_time 1 -segment_format mpegts {{path}}",
        path=pattern,
    )
    parts = [path.read_bytes() for path in sorted(tmp_path.glob("part*.ts"))]
    assert len(parts) >= 3
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(parts))
    assert copy(source, tmp_path / "out.ts") == []
    assert flashes_and_beeps(tmp_path / "out.ts") == flashes_and_beeps(source)
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.ts")) as after:
        assert len(list(before.decode(video=0))) == len(list(after.decode(video=0))) == 75
    # A piece that lost packets at its end is damaged, as long as the file shows it.
    source.write_bytes(
        parts[0][: 188 * (len(parts[0]) // 376)] + parts[0][188 * (len(parts[0]) // 376 + 3) :] + parts[1]
    )
    with pytest.raises(MediaError, match="damaged"):
        copy(source, tmp_path / "lost.ts")
