"""Tags that identify a location or a device are dropped."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.metadata import kept_tags
from tests.support.awkward_kind import run_ffmpeg
from tests.support.copies import copy

NAMES = ("in.mkv", "out.mkv")


@pytest.mark.parametrize("keep", [False, True])
def test_tags_of_locations_and_devices(keep: bool) -> None:
    private = {"location": "+48+011/", "com.apple.quicktime.make": "X", "©xyz": "+48+011/", "GPS-Altitude": "3"}
    private |= {"RECORDING_LOCATION": "a", "city": "Bern", "METADATA_BLOCK_PICTURE": "AAAA", "id3v2_priv.XMP": "\\x00"}
    private |= {
        "comment": "at 47.3769, 8.5417",
        "description": "/9j/4AAQSkZJRgABAQEA" * 40,
        "handler_name": "GoPro AVC",
    }
    shared = {"title": "a title", "creation_time": "2020-01-01", "remodelling": "no model"}
    shared |= {"lyrics": "a line\n" * 200, "vendor_id": "FFMP", "simplicity": "7", "synopsis": "word " * 300}
    kept, dropped = kept_tags(private | shared | {"encoder": "Lavf"}, keep_location=keep)
    assert kept == (private | shared if keep else shared) and set(dropped) == (set() if keep else set(private))


def test_chapters_that_name_a_position(face: Image, tmp_path: Path) -> None:
    plain, source, target = write_clip(tmp_path / "plain.mkv", pan(face, (160, 120), 5)), *map(tmp_path.joinpath, NAMES)
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\n"
        + "".join(
            f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={n}00\nEND={n + 1}00\ntitle={title}\n"
            for n, title in enumerate(("kept", "47.3769, 8.5417"))
        )
    )
    run_ffmpeg(
        "-i {plain} -i {chapters} -map 0 -map_chapters 1 -c copy {source}",
        plain=plain,
        chapters=chapters,
        source=source,
    )
    left_out = copy(source, target)
    assert left_out == ["tags of chapters that identify a location or a device: title"]
    with av.open(str(target)) as container:
        assert [one["metadata"] for one in container.chapters()] == [{"title": "kept"}, {}]
