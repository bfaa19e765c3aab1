"""A disk that is full or read-only under each command: it is named with the file, and nothing is half-written."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from examples.sample_clip import Image
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.redaction.sidecar_format import edits_path
from tests.cli.calls import COMMAND
from tests.support.file_systems import fill, made_read_only, small_disk


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.fixture
def photo(tmp_path: Path, face: Image) -> Path:
    cv2.imwrite(str(tmp_path / "photo.png"), face)
    return tmp_path / "photo.png"


@pytest.fixture(scope="module")
def written(face_clip: Path, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source, and its output in `old`."""
    folder = tmp_path_factory.mktemp("written")
    shutil.copy(face_clip, folder / "source.mp4")
    done = call("run", folder / "source.mp4", "-o", folder / "old", "--function", function_url)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def disk(written: Path) -> Iterator[Path]:
    """A small disk with a source, an output that was written, and an empty folder."""
    with small_disk(8) as folder:
        shutil.copytree(written, folder, dirs_exist_ok=True)
        (folder / "new").mkdir()
        yield folder


def commands(disk: Path, image: Path, function_url: str) -> dict[str, tuple[list[object], int, str]]:
    """Of each command its arguments, its exit code where nothing can be written, and the file that it names."""
    source, output, new = disk / "source.mp4", disk / "old" / "source.mp4", disk / "new"
    function = ("--function", function_url)
    return {
        "run": (["run", source, "-o", new, *function], 1, "new/source.mp4"),
        "image": (["image", image, "-o", new, *function], 1, f"new/{image.name}"),
        "render": (["render", source, sidecar_path(output), "-o", new / "again.mp4"], 1, "new/again.mp4"),
        "edit": (["edit", output, "--add", "10,10,60,60@0-1"], 2, "old/source.mp4.edits.jsonl"),
        "audit": (["audit", source, output, *function], 2, "old"),
        "fix": (["audit", "--fix", source, output, *function], 2, "old"),
        "folder": (["audit", disk, disk / "old", *function], 2, "old"),
    }


def listed(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "ballast")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def check(done: subprocess.CompletedProcess[str], code: int, named: str) -> None:
    assert done.returncode == code, done.stderr
    line, *_ = [one for one in done.stderr.splitlines() if one.startswith("error: ")]
    assert named in line and "Traceback" not in done.stderr + done.stdout, done.stderr


@pytest.mark.parametrize("command", ["run", "image", "render", "edit", "audit", "fix", "folder"])
def test_a_read_only_disk_is_named(disk: Path, photo: Path, function_url: str, command: str) -> None:
    arguments, code, named = commands(disk, photo, function_url)[command]
    before = listed(disk)
    with made_read_only(disk):
        done = call(*arguments)
    check(done, code, named)
    assert "Read-only file system" in done.stderr and listed(disk) == before
    if command in ("audit", "fix", "folder"):  # not after an audit of hours
        assert "frames" not in done.stderr and "copy the output" in done.stderr


@pytest.mark.parametrize("command", ["run", "image", "render", "edit", "audit", "folder"])
def test_a_full_disk_is_named(disk: Path, photo: Path, function_url: str, command: str) -> None:
    arguments, code, named = commands(disk, photo, function_url)[command]
    before = listed(disk)
    ballast = fill(disk)
    done = call(*arguments)
    check(done, code, named)
    assert "No space left on device" in done.stderr
    ballast.unlink()
    assert listed(disk) == before
    assert call(*arguments).returncode == 0


def test_a_disk_that_is_full_for_the_preview_only_leaves_no_output(disk: Path, function_url: str) -> None:
    output = disk / "old" / "source.mp4"
    kept = sum(path.stat().st_size for path in (disk / "old").iterdir())
    ballast = fill(disk)
    with ballast.open("r+b") as file:
        file.truncate(ballast.stat().st_size - kept - (16 << 10))
    done = call("run", disk / "source.mp4", "-o", disk / "new", "--function", function_url, "--preview")
    check(done, 1, "new/source.mp4.shows-faces-do-not-publish.mp4")
    assert list((disk / "new").iterdir()) == [] and output.is_file()


def test_edits_for_which_the_disk_has_no_room_are_kept(disk: Path) -> None:
    output = disk / "old" / "source.mp4"
    before = output.read_bytes()
    ballast = fill(disk)
    with ballast.open("r+b") as file:
        file.truncate(ballast.stat().st_size - (16 << 10))  # enough for the edit, not for the output
    done = call("edit", output, "--add", "10,10,60,60@0-1")
    assert done.returncode == 1 and "No space left on device" in done.stderr, done.stderr
    assert (
        f"{output} is as it was; the edits are kept: once the cause is gone, `faceblur edit {output}` goes on"
        in done.stderr
    )
    assert output.read_bytes() == before and len(edits_path(sidecar_path(output)).read_text().splitlines()) == 2
    ballast.unlink()
    assert call("edit", output).returncode == 0 and output.read_bytes() != before
