"""Outputs that are there already: they are replaced together with their sidecars, and not taken for others."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import MediaError
from faceblur.media.writer import VideoWriter
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.redaction.sidecar_format import edits_path
from tests.redaction.regions import run


@pytest.fixture(scope="module")
def source(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("in") / "face.mp4", islice(pan(face, (192, 144), 60), 8))


def test_a_sidecar_of_an_earlier_run_does_not_stay_beside_an_output_without_one(
    source: Path, function_url: str, tmp_path: Path
) -> None:
    """`edit` would write the output again by it, without what the later run covered."""
    call = ("run", source, "-o", tmp_path, "--function", function_url, "--overwrite")
    run(*call)
    assert sidecar_path(tmp_path / source.name).exists()
    run(*call, "--no-sidecar", "--cover", "0,0,60,60")
    assert [path.name for path in tmp_path.iterdir()] == [source.name]
    assert "no such file" in run("edit", tmp_path / source.name, code=2)


def test_a_run_that_ends_between_both_names_leaves_no_output_of_another_run_beside_its_sidecar(
    source: Path, function_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the sidecar the next run would take the old output for its own."""
    call = ("run", source, "-o", tmp_path, "--function", function_url)
    run(*call)

    def die(writer: VideoWriter) -> None:
        raise MediaError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(VideoWriter, "publish", die)
        run(*call, "--overwrite", "--cover", "0,0,60,60", code=1)
    assert sidecar_path(tmp_path / source.name).exists() and not (tmp_path / source.name).exists()
    assert "1 done" in run(*call, "--cover", "0,0,60,60")


def test_an_output_of_another_video_is_not_taken_for_done(source: Path, function_url: str, tmp_path: Path) -> None:
    """A camera gives its files the same names again."""
    clip = tmp_path / "in" / "face.mp4"
    clip.parent.mkdir()
    shutil.copy(source, clip)
    call = ("run", clip, "-o", tmp_path / "out", "--function", function_url)
    run(*call)
    assert "1 skipped" in run(*call)
    with clip.open("ab") as file:
        file.write(b"\0\0\0\x10free" + bytes(8))
    assert f"{tmp_path / 'out' / 'face.mp4'} exists, and was made of another video" in run(*call, code=1)
    run(*call, "--overwrite")
    assert "1 skipped" in run(*call)


def test_an_edit_of_a_link_corrects_the_output_that_it_leads_to(
    source: Path, function_url: str, tmp_path: Path
) -> None:
    run("run", source, "-o", tmp_path, "--function", function_url)
    output, link = tmp_path / source.name, tmp_path / "published" / "latest.mp4"
    link.parent.mkdir()
    link.symlink_to(output)
    before = output.read_bytes()
    run("edit", link, "--add", "10,10,60,60@0-1")
    assert link.is_symlink() and output.read_bytes() != before
    assert [path.name for path in link.parent.iterdir()] == [link.name]
    assert edits_path(sidecar_path(output)).exists()
