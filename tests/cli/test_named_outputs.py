"""OUT as the file that one input is written to; words for a stranger: which command is meant, how many, who answers."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import cv2
import pytest

from examples.sample_clip import Image
from faceblur.base.counted import counted
from tests.cli.calls import invoke
from tests.support import clips as media


def test_one_input_and_a_videos_suffix_are_a_file(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    out = tmp_path / "sub" / "out.mkv"
    result = invoke("run", face_clip, "-o", out, "--function", function_url)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.parent.iterdir()) == ["out.mkv", "out.mkv.faces.jsonl"]
    assert len(media.frames(out)) == 48
    again = invoke("run", face_clip, "-o", out, "--function", function_url)
    assert again.exit_code == 0 and "1 skipped" in again.output and "--overwrite" in again.output


def test_a_folder_with_a_videos_suffix_stays_a_folder(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.mkdir()
    assert invoke("run", face_clip, "-o", out, "--function", function_url).exit_code == 0
    assert (out / "face.mp4").is_file()


def test_a_file_that_its_container_cannot_hold_is_named(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    result = invoke("run", face_clip, "-o", tmp_path / "out.webm", "--function", function_url)
    assert result.exit_code == 1 and "out.webm: this container cannot hold its codec" in result.output
    assert list(tmp_path.iterdir()) == []


def test_calls_that_name_no_file_are_refused(face_clip: Path, tmp_path: Path) -> None:
    clip, picture, folder = tmp_path / "a.mp4", tmp_path / "a.png", tmp_path / "folder"
    shutil.copy(face_clip, clip)
    picture.write_bytes(b"\x89PNG")
    folder.mkdir()
    for arguments, message in [
        (("run", clip, face_clip, "-o", tmp_path / "out.mp4"), "for one input file only"),
        (("run", folder, "-o", tmp_path / "out.mp4"), "for one input file only"),
        (("run", clip, "-o", tmp_path / "out.insv"), "no container is known by this suffix"),
        (("run", clip, "-o", clip), "is an input and would be an output"),
        (("image", picture, "-o", tmp_path / "out.jpg"), "written in its own format: name it *.png"),
        (("image", picture, picture, "-o", tmp_path / "out.png"), "for one input file only"),
    ]:
        result = invoke(*arguments)
        assert result.exit_code == 2 and message in result.output, (arguments, result.output)
        assert not list(tmp_path.glob("out*"))


def test_an_image_is_written_as_a_file(function_url: str, face: Image, tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    cv2.imwrite(str(source), face)
    result = invoke("image", source, "-o", tmp_path / "out.jpeg", "--function", function_url)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out.jpeg").is_file()


@pytest.mark.parametrize(
    ("command", "name", "other"), [("image", "talk.mp4", "faceblur run"), ("run", "photo.jpg", "faceblur image")]
)
def test_the_command_that_is_meant_is_named(
    face: Image, face_clip: Path, tmp_path: Path, command: str, name: str, other: str
) -> None:
    shutil.copy(face_clip, tmp_path / name)
    if name == "photo.jpg":
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0 not even complete")
    result = invoke(command, tmp_path / name, "-o", tmp_path / "out")
    assert result.exit_code == 1 and f"`{other}`" in result.stderr
    assert result.output.count(other) == 1  # one broken file is reported once


def test_images_beside_videos_are_left_alone(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(face_clip, source)
    (source / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    result = invoke("run", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "1 other file left alone: photo.jpg" in result.stderr


def test_a_closed_port_is_named_as_such(face_clip: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, so that nobody else listens there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = invoke("run", face_clip, "-o", tmp_path, "--function", url)
    assert result.exit_code == 1 and f"error: {url}: cannot connect: Connection refused; " in result.output
    assert "busy" not in result.output


def test_a_model_that_is_loaded_is_announced(face_clip: Path, tmp_path: Path) -> None:
    result = invoke("run", face_clip, "-o", tmp_path, "--workers", "1")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("loading the model on this machine") and " loaded in " in lines[1]
    assert "loading" not in invoke("run", face_clip, "-o", tmp_path, "--workers", "1", "-q").output


@pytest.mark.parametrize(("number", "text"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames")])
def test_plurals(number: int, text: str) -> None:
    assert counted(number, "frame") == text
    assert counted(number, "batch", "batches") == text.replace("frame", "batch" if number == 1 else "batche")
