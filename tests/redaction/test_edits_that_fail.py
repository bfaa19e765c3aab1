"""Edits that cannot be made, or not any more: nothing of them is in the output, and the error says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from faceblur.base.errors import MediaError
from faceblur.jobs import checked_edits
from faceblur.redaction import render
from faceblur.redaction.edit_operations import AddedFace
from faceblur.redaction.edits import append_edits, read_edits
from faceblur.redaction.output import VideoOutput
from faceblur.redaction.sidecar_files import read_sidecar, sidecar_path
from faceblur.redaction.sidecar_format import edits_path
from tests.redaction.regions import run


def write_again(sidecar: Path, **settings: object) -> None:
    """What a run does that replaces an output: another sidecar has its name."""
    first, *lines = sidecar.read_text().splitlines()
    header = json.loads(first)
    header["settings"] |= {"look_around": 0.5} | settings
    other = sidecar.with_name("other")
    other.write_text("\n".join([json.dumps(header), *lines]) + "\n")
    other.replace(sidecar)


def test_edits_of_a_sidecar_that_is_written_again_meanwhile_are_not_made(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tracks have other numbers: another face would be clear."""

    def settle_late(*arguments: Any) -> Any:
        write_again(sidecar_path(output))
        return settled(*arguments)

    before, settled = output.read_bytes(), checked_edits.settled
    monkeypatch.setattr(checked_edits, "settled", settle_late)
    assert "was written again at the same time" in run("edit", output, "--remove-track", "1", code=2)
    assert output.read_bytes() == before and not edits_path(sidecar_path(output)).exists()


def test_a_sidecar_that_is_written_again_while_rendering_begins_fails_it(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the output would be masked by the one before, and stand beside the new one."""

    def open_late(*arguments: Any, **named: Any) -> VideoOutput:
        write_again(sidecar_path(output))
        return open_output(*arguments, **named)

    before, open_output = output.read_bytes(), render.open_output  # type: ignore[attr-defined]
    monkeypatch.setattr(render, "open_output", open_late)
    assert "at the same time, or wrote it again: try again" in run("edit", output, code=1)
    assert output.read_bytes() == before


def test_a_run_that_skips_an_output_says_that_its_edits_are_not_in_it(
    output: Path, function_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The face that somebody wanted to mask is still clear, and the run ended well without a word."""

    def ended(_: VideoOutput) -> None:
        raise MediaError("killed")

    def skipped(*more: object) -> str:
        source = output.parents[1] / "in" / "face.mp4"
        return run("run", source, "-o", output.parent, "--function", function_url, *more)

    assert "edits" not in skipped()
    with monkeypatch.context() as patched:
        patched.setattr(VideoOutput, "publish", ended)
        assert "the edits are kept" in run("edit", output, "--add", "200,20,260,90@0.12-0.2", code=1)
    way_out = f"an edit was interrupted or files were copied without their times: faceblur edit {output} puts them in"
    assert way_out in skipped() and way_out in skipped("--ledger", tmp_path / "ledger.db")
    run("edit", output)
    assert "edits" not in skipped()


def test_a_box_that_lies_outside_is_named_where_it_can_be_corrected(output: Path, tmp_path: Path) -> None:
    append_edits(sidecar_path(output), [AddedFace((1000.0, 10.0, 1100.0, 90.0), 0.1, 0.3)])
    why = f"{edits_path(sidecar_path(output))}: the face to add, [1000, 10, 1100, 90], lies outside of frame 3"
    source = tmp_path / "in" / "face.mp4"
    assert why in run("edit", output, code=1)
    assert why in run("render", source, sidecar_path(output), "-o", tmp_path / "other.mp4", code=1)
    assert why in run("audit", source, output, code=2)


def test_an_encoder_that_this_machine_lacks_is_named_before_the_edit_is_made(output: Path, tmp_path: Path) -> None:
    """As where a GPU wrote the output."""
    write_again(sidecar_path(output), encoder="h264_nvenc")
    why = "its output was written with --encoder h264_nvenc, which this machine lacks"
    assert why in run("edit", output, "--remove-track", "1", code=2)
    assert not edits_path(sidecar_path(output)).exists()
    render_it = ("render", tmp_path / "in" / "face.mp4", sidecar_path(output), "-o", tmp_path / "other.mp4")
    assert why in run(*render_it, code=1)
    run(*render_it, "--encoder", "libx264")


def test_files_that_an_editor_gave_a_byte_order_mark_are_read(output: Path, tmp_path: Path) -> None:
    sidecar = sidecar_path(output)
    run("edit", output, "--add", "200,20,260,90@0-0.1")
    edits = edits_path(sidecar)
    edits.write_bytes(b"\xef\xbb\xbf" + edits.read_bytes().replace(b"\n", b"\r\n"))
    run("edit", output, "--add", "200,20,260,90@0.2-0.3")
    assert len(read_edits(sidecar).operations) == 2
    copy = tmp_path / "edited.jsonl"
    copy.write_bytes(b"\xef\xbb\xbf" + sidecar.read_bytes().replace(b"\n", b"\r\n"))
    assert read_sidecar(copy) == read_sidecar(sidecar)
