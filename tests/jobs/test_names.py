"""Names and trees: whatever a file is called and wherever it lies, it has a place of its own."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.atomic_files import LONGEST_NAME, fitting_name
from faceblur.cli.app import main
from faceblur.jobs.discovery import Discovery, Places, find_videos
from faceblur.redaction.sidecar import SUFFIX, SidecarReader, sidecar_path

NAMES = (
    b"with spaces (1).mp4",
    b"-dash.mp4",
    b"two\nlines.mp4",
    b"bell\x07 and \x1b[31mred.mp4",
    b"[bold]markup[-bold].mp4",
    b"100%d {x} $HOME `id`.mp4",
    b"T12:30:00.mp4",
    b"no utf-8 \xff\xfe.mp4",
    "caf\u00e9.mp4".encode(),
    "cafe\u0301.mp4".encode(),
    b"Case.mp4",
    b"case.mp4",
    b"x" * 251 + b".mp4",
    "é".encode() * 125 + b".mp4",
    b"y" * 251 + b".ogv",
)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def clip(clips: Path, face: Image) -> Path:
    return write_clip(clips / "names.mp4", pan(face, (160, 120), 2), audio_codec=None)


def tree(folder: Path, clip: Path, *names: str) -> Path:
    """A folder with copies of a clip."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(clip.read_bytes())
    return folder


def places(found: Discovery, outdir: Path) -> dict[str, str]:
    """Where each source is written below the output folder, by its own name and that of its folder."""
    return {
        f"{video.source.parent.name}/{video.source.name}": str(video.target.relative_to(outdir))
        for video in found.videos
    }


def test_every_name(clip: Path, function_url: str, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name in NAMES:
        Path(source, os.fsdecode(name)).write_bytes(clip.read_bytes())
    result = invoke("run", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and f"{len(NAMES)} files: {len(NAMES)} done" in result.output, result.output
    assert "\x1b" not in result.output and "\x07" not in result.output
    outputs = {path.name for path in (tmp_path / "out").iterdir()}
    expected = [Path(os.fsdecode(name)) for name in NAMES]
    for path in expected[:-1]:
        assert path.name in outputs
        with SidecarReader(sidecar_path(tmp_path / "out" / path.name)) as told:
            assert len(list(told)) == 2
    long = fitting_name(expected[-1].name, ".mkv")
    assert long in outputs and len(os.fsencode(long)) == LONGEST_NAME and len(outputs) == 2 * len(NAMES)


def test_failures_are_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "two\nlines\x1b[2J.mp4").write_text("no video")
    result = invoke("run", tmp_path / "in", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"error: {tmp_path}/in/two\\nlines\\x1b[2J.mp4: not a video" in result.output
    assert "\x1b" not in result.output


@pytest.mark.parametrize("name", ["a", "é" * 127, "x" * 255, "é" * 121 + "x"])
def test_longer_names_fit_and_differ(name: str) -> None:
    made = fitting_name(name, SUFFIX)
    assert made.endswith(SUFFIX) and len(os.fsencode(made)) <= LONGEST_NAME and "\ufffd" not in made
    assert made != fitting_name(name[:-1] + "z", SUFFIX) and made == fitting_name(name, SUFFIX)


def test_two_inputs_with_one_name_are_both_written(clip: Path, function_url: str, tmp_path: Path) -> None:
    """Cameras count from 1 on every card."""
    first = tree(tmp_path / "card A", clip, "day/clip1.mp4", "clip2.mp4")
    second = tree(tmp_path / "card B", clip, "day/clip1.mp4", "clip3.mp4")
    out = tmp_path / "out"
    result = invoke("run", first, second, first / "day" / "clip1.mp4", "-o", out, "--function", function_url)
    assert result.exit_code == 0 and "4 files: 4 done" in result.output, result.output
    assert f"{second}/day/clip1.mp4 is written to {out}/day/clip1 (2).mp4: another input has its name" in result.output
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.mp4")) == [
        *("clip2.mp4", "clip3.mp4", "day/clip1 (2).mp4", "day/clip1.mp4")
    ]
    again = invoke("run", first, second, "-o", out, "--function", "http://127.0.0.1:9")
    assert again.exit_code == 0 and "4 files: 4 skipped" in again.output


def test_place_does_not_depend_on_what_can_be_read(clip: Path, tmp_path: Path) -> None:
    """Else the second card's clip would pass for the first one's, once that is there."""
    first = tree(tmp_path / "a", clip, "clip.mp4")
    second = tree(tmp_path / "b", clip, "clip.mp4")
    whole = find_videos([first, second], tmp_path / "out")
    (first / "clip.mp4").write_text("not copied yet")
    half = find_videos([first, second], tmp_path / "out")
    assert places(whole, tmp_path / "out")["b/clip.mp4"] == places(half, tmp_path / "out")["b/clip.mp4"]
    assert [path for path, _ in half.broken] == [first / "clip.mp4"]


def test_output_names_that_become_the_same(clip: Path, tmp_path: Path) -> None:
    source = tree(tmp_path / "in", clip, "a.ogv", "a.ogv.mkv")
    assert places(find_videos([source], tmp_path / "out"), tmp_path / "out") == {
        "in/a.ogv": "a.ogv.mkv",
        "in/a.ogv.mkv": "a.ogv (2).mkv",
    }


@pytest.mark.parametrize("names", [("Clip.mp4", "clip.mp4"), ("caf\u00e9.mp4", "cafe\u0301.mp4")])
def test_doubles_where_the_file_system_takes_them_for_one(names: tuple[str, str], tmp_path: Path) -> None:
    outdir = tmp_path / "out"
    apart, alike = Places(outdir), Places(outdir)
    alike._tells_case = False  # as on most disks of Windows and macOS
    assert [apart.take(Path(name), Path(name)) for name in names] == [Path(name) for name in names]
    second = Path(
        unicodedata.normalize("NFC", str(alike.take(Path(names[1]), alike.take(Path(names[0]), Path(names[0])))))
    )
    assert second.name.endswith("(2).mp4") and list(alike.moved) == [Path(names[1])]


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
    assert places(found, tmp_path / "out") == {
        "real/b.mp4": "real/b.mp4",
        "deep/c.mp4": "real/deep/c.mp4",
        "linked/d.mp4": "linked/d.mp4",
    }
    assert [(path.name, first.name) for path, first in found.same] == [("a.mp4", "b.mp4"), ("one.mp4", "d.mp4")]
    assert sorted(path.name for path, _ in found.broken) == ["pipe.mp4", "self.mp4"]


def test_link_to_a_video_outside_goes_by_its_own_name(clip: Path, tmp_path: Path) -> None:
    outside = tree(tmp_path / "store", clip, "0001.mp4")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "holiday.mp4").symlink_to(outside / "0001.mp4")
    for given in (tmp_path / "in", tmp_path / "in" / "holiday.mp4"):
        assert places(find_videos([given], tmp_path / "out"), tmp_path / "out") == {"in/holiday.mp4": "holiday.mp4"}


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


def test_output_over_an_input_is_refused(clip: Path, tmp_path: Path) -> None:
    source = tree(tmp_path / "in", clip, "a.mp4")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mp4").symlink_to(source / "a.mp4")
    result = invoke("run", source, "-o", tmp_path / "out")
    assert result.exit_code == 2 and "is an input and would be an output" in result.output
