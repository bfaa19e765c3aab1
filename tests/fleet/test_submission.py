"""Which outputs are taken for done: those of this very video and of the settings that are asked for."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

from faceblur import Options, read_sidecar, sidecar_path, write_sidecar
from faceblur.fleet.submission import Submission, submit_videos
from faceblur.media.preview_writer import preview_path
from tests.cli.calls import invoke
from tests.support.fleet import faceblur, rows


def _submit(ledger: str, source: Path, out: Path, **options: object) -> Submission:
    return asyncio.run(submit_videos(ledger, [source], out, Options(**options)))  # type: ignore[arg-type]


def _redact(function_url: str, source: Path, out: Path, *options: object) -> None:
    done = invoke("run", source, "-o", out, "--function", function_url, *options)
    assert done.exit_code == 0, done.output


def test_an_output_in_which_rejected_faces_are_visible_is_not_one_without_verification(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    _redact(function_url, short_clip, tmp_path)
    sidecar = sidecar_path(tmp_path / short_clip.name)
    found = read_sidecar(sidecar)
    verified = dataclasses.replace(found.header, function=dataclasses.replace(found.header.function, verifier="second"))
    write_sidecar(sidecar, dataclasses.replace(found, header=verified))
    assert _submit(file_ledger, short_clip, tmp_path).done == {short_clip: tmp_path / short_clip.name}
    assert _submit(file_ledger, short_clip, tmp_path, verify=False).counts == {"queued": 1}


def test_an_output_without_the_preview_that_is_asked_for_is_not_done(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    _redact(function_url, short_clip, tmp_path, "--preview")
    assert _submit(file_ledger, short_clip, tmp_path, preview=True).done == {short_clip: tmp_path / short_clip.name}
    preview_path(tmp_path / short_clip.name).unlink()
    assert _submit(file_ledger, short_clip, tmp_path, preview=True).counts == {"queued": 1}


def test_an_output_that_was_replaced_by_one_of_other_settings_is_written_again(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    assert _submit(file_ledger, short_clip, tmp_path).counts == {"queued": 1}
    work = faceblur("work", "--ledger", file_ledger, "--function", function_url, "--until-empty")
    assert work.returncode == 0, work.stderr
    _redact(function_url, short_clip, tmp_path, "--threshold", "0.9", "--overwrite")
    assert _submit(file_ledger, short_clip, tmp_path).counts == {"queued": 1}


def test_an_output_folder_with_two_names_is_one(file_ledger: str, short_clip: Path, tmp_path: Path) -> None:
    """Else the older of two jobs may replace the output of the newer, and what that covered is clear."""
    (tmp_path / "link").symlink_to("out")
    assert _submit(file_ledger, short_clip, tmp_path / "out").counts == {"queued": 1}
    assert _submit(file_ledger, short_clip, tmp_path / "link").counts == {"waiting": 1}
    assert _submit(file_ledger, short_clip, tmp_path / "link", cover=["0,0,60,60"]).counts == {"queued": 1}
    assert {one.target: one.state for one in rows(file_ledger)} == {str(tmp_path / "out" / short_clip.name): "queued"}
    assert [one.state for one in rows(file_ledger)] == ["cancelled", "queued"]


def test_two_videos_of_one_output_are_not_both_put_in(file_ledger: str, short_clip: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "cam1" / "1.mp4", tmp_path / "cam2" / "1.mp4"
    for path in (first, second):
        path.parent.mkdir()
        path.write_bytes(short_clip.read_bytes())
    second.write_bytes(short_clip.read_bytes() + b"\0\0\0\x08free")
    assert _submit(file_ledger, first, tmp_path / "out").counts == {"queued": 1}
    refused = _submit(file_ledger, second, tmp_path / "out")
    [(path, reason)] = refused.broken
    assert path == second and not refused.counts
    assert "is the output of another video in the ledger: choose another output folder" in reason
