"""Discovery: which files of a tree are redacted, each once, and none is changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from faceblur.jobs.discovery import find_images, find_videos
from tests.jobs.trees import invoke, output_paths, tree


def test_failures_are_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "two\nlines\x1b[2J.mp4").write_text("no video")
    result = invoke("run", tmp_path / "in", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"error: {tmp_path}/in/two\\nlines\\x1b[2J.mp4: not a video" in result.output
    assert "\x1b" not in result.output


def test_links_and_loops(clip: Path, tmp_path: Path) -> None:
    source = tree(tmp_path / "in", clip, "real/b.mp4", "real/deep/c.mp4")
    elsewhere = tree(tmp_path / "elsewhere", clip, "d.mp4")
    (source / "a link to real").symlink_to(source / "real")
    (source / "real" / "deep" / "loop").symlink_to(source)
    (source / "self").symlink_to("self")
    (source / "self.mp4").symlink_to("self.mp4")
    (source / "a.mp4").symlink_to(source / "real" / "b.mp4")
    (source / "linked").symlink_to(elsewhere)
    (source / "one.mp4").symlink_to(elsewhere / "d.mp4")
    os.mkfifo(source / "pipe.mp4")
    found = find_videos([source], tmp_path / "out")
    assert output_paths(found, tmp_path / "out") == {
        "real/b.mp4": "real/b.mp4",
        "deep/c.mp4": "real/deep/c.mp4",
        "linked/d.mp4": "linked/d.mp4",
    }
    assert [(path.name, first.name) for path, first in found.duplicates] == [("a.mp4", "b.mp4"), ("one.mp4", "d.mp4")]
    assert sorted(path.name for path, _ in found.broken) == ["pipe.mp4", "self.mp4"]


def test_a_link_that_cannot_be_followed_is_its_own_failure(clip: Path, tmp_path: Path) -> None:
    """As a file is in a folder without the right to look into it, which stops no test that root runs."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.mp4").symlink_to("a" * 300)
    (folder / "notes").symlink_to("b" * 300)
    shutil.copy(clip, folder / "b.mp4")
    found = find_videos([folder], tmp_path / "out")
    assert [one.source.name for one in found.files] == ["b.mp4"]
    assert [(path.name, why) for path, why in found.broken] == [
        ("a.mp4", "not a video that can be read: File name too long"),
        ("notes", "not a video that can be read: File name too long"),
    ]
    images = find_images([folder], tmp_path / "out")
    assert [path.name for path in images.others] == ["b.mp4", "a.mp4", "notes"] and not images.broken


def test_link_to_a_video_outside_goes_by_its_own_name(clip: Path, tmp_path: Path) -> None:
    outside = tree(tmp_path / "store", clip, "0001.mp4")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "holiday.mp4").symlink_to(outside / "0001.mp4")
    for given in (tmp_path / "in", tmp_path / "in" / "holiday.mp4"):
        assert output_paths(find_videos([given], tmp_path / "out"), tmp_path / "out") == {
            "in/holiday.mp4": "holiday.mp4"
        }


def test_input_is_only_read(clip: Path, function_url: str, tmp_path: Path) -> None:
    source = tree(tmp_path / "in", clip, "a.mp4", "b/a.mp4")
    for path in [source, *source.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat() for path in [source, *source.rglob("*")]}
    result = invoke("run", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0, result.output
    after = {path: path.stat() for path in [source, *source.rglob("*")]}
    assert [(path, stat.st_mtime_ns, stat.st_size, stat.st_mode) for path, stat in before.items()] == [
        (path, stat.st_mtime_ns, stat.st_size, stat.st_mode) for path, stat in after.items()
    ]
    assert (tmp_path / "out" / "a.mp4").stat().st_mode & 0o200  # what is written can be removed again
    for path in [source, *source.rglob("*")]:
        path.chmod(0o755)
