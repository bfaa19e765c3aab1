"""Findings say how they are mended, and `--fix` does it; an audit that was interrupted goes on."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.auditing.audit import audit
from faceblur.auditing.detectors import connected
from faceblur.auditing.file_audit import audit_files, opened
from faceblur.auditing.mending import boxes_to_add
from faceblur.auditing.merged_detections import MergedDetection
from faceblur.auditing.progress import AuditProgress
from faceblur.auditing.report import AuditReport
from faceblur.auditing.search_journal import SearchJournal
from faceblur.base.box_at import BoxAt
from faceblur.base.errors import MediaError, SidecarError, UsageError
from faceblur.detection.client import FunctionClient
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs import checked_edits
from faceblur.redaction.edit_operations import AddedFace
from faceblur.redaction.edits import append_edits
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.redaction.sidecar_format import edits_path
from tests.cli.calls import invoke
from tests.support.file_systems import fill, small_disk

FRAMES = 24


@pytest.fixture
def missed(face: Image, function_url: str, tmp_path: Path) -> tuple[Path, Path]:
    """A source, and an output that has no mask in some frames, which its sidecar does not list either."""
    source = write_clip(tmp_path / "in" / "face.mp4", pan(face, (192, 144), FRAMES), audio_codec=None)
    assert invoke("run", source, "-o", tmp_path / "good", "--function", function_url).exit_code == 0
    lines = [json.loads(line) for line in sidecar_path(tmp_path / "good" / "face.mp4").read_text().splitlines()]
    for line in lines[8:14]:
        line["faces"] = []
    edited = tmp_path / "edited.jsonl"
    edited.write_text("".join(json.dumps(line) + "\n" for line in lines))
    output = tmp_path / "out" / "face.mp4"
    output.parent.mkdir()
    assert invoke("render", source, edited, "-o", output).exit_code == 0
    return source, output


def report_of(output: Path) -> AuditReport:
    return AuditReport.model_validate_json(output.with_name(f"{output.name}.audit.json").read_text())


def test_the_command_of_a_finding_mends_it(missed: tuple[Path, Path], function_url: str) -> None:
    source, output = missed
    done = invoke("audit", source, output, "--function", function_url)
    assert done.exit_code == 1
    (finding,) = report_of(output).findings
    assert finding.kind == "uncovered" and finding.first_frame == 7 and finding.last_frame == 12
    assert finding.boxes[0].start == pytest.approx(7 / 25, abs=0.001)
    assert finding.boxes[-1].end == pytest.approx(12 / 25, abs=0.001)
    assert finding.mend is not None and finding.mend in done.stdout.replace("\n", "")
    assert finding.mend.startswith(f"faceblur edit {output} --add ")
    mended = invoke(*shlex.split(finding.mend)[1:])
    assert mended.exit_code == 0, mended.output
    assert invoke("audit", source, output, "--function", function_url).exit_code == 0


@pytest.mark.parametrize("removed", ["1", "1@0.3-0.5"])
def test_a_track_that_an_edit_removed_is_masked_again(
    missed: tuple[Path, Path], function_url: str, removed: str
) -> None:
    """Boxes to add would cover it more coarsely, and not where the audit sees nothing of it."""
    source, output = missed[0], missed[0].parent.with_name("good") / "face.mp4"
    assert invoke("edit", output, "--remove-track", removed).exit_code == 0
    assert invoke("audit", source, output, "--function", function_url).exit_code == 1
    (finding,) = report_of(output).findings
    assert (finding.kind, finding.track) == ("uncovered", 1)
    assert finding.mend == f"faceblur edit {output} --mask-track {removed}"
    assert invoke(*shlex.split(finding.mend)[1:]).exit_code == 0
    assert invoke("audit", source, output, "--function", function_url).exit_code == 0


def test_fix_masks_what_was_found(missed: tuple[Path, Path], function_url: str) -> None:
    source, output = missed
    recorded = sidecar_path(output).read_bytes()
    done = invoke("audit", source, output, "--fix", "--function", function_url)
    assert done.exit_code == 0, done.output
    assert report_of(output).passed and sidecar_path(output).read_bytes() == recorded
    edits = edits_path(sidecar_path(output)).read_text()
    boxes = edits.count('"op":"add"')
    assert edits.count('"reason":"found by audit --fix"') == boxes  # nobody takes it for a person's
    assert boxes and f"{output}: written again with {boxes} box" in done.stderr.replace("\n", "")
    # What is good stays as it is.
    before = output.read_bytes()
    done = invoke("audit", source, output.parent, "--fix", "--function", function_url)
    assert done.exit_code == 0 and "written again" not in done.output
    assert output.read_bytes() == before


def test_fix_of_a_copy_leaves_alone_what_it_was_copied_from(missed: tuple[Path, Path], function_url: str) -> None:
    """The report in the copy is up to date, but was written where the files were then."""
    source, output = missed
    call = ("--function", function_url)
    assert invoke("audit", source, output.parent, *call).exit_code == 1
    copy = output.parent.with_name("copy") / output.name
    shutil.copytree(output.parent, copy.parent)
    before = output.read_bytes()
    printed = invoke("audit", source, copy.parent, *call).stdout.replace("\n", "")
    assert f"faceblur edit {copy} --add " in printed and f"faceblur edit {output} " not in printed
    assert invoke("audit", source, copy.parent, "--fix", *call).exit_code == 0
    assert report_of(copy).passed and report_of(copy).output == str(copy)
    assert output.read_bytes() == before and not edits_path(sidecar_path(output)).exists()


def test_fix_renders_what_is_listed_and_was_not_masked(missed: tuple[Path, Path], function_url: str) -> None:
    source, output = missed
    invoke("audit", source, output, "--fix", "--function", function_url)
    output.write_bytes(source.read_bytes())
    assert "exposed" in invoke("audit", source, output, "--function", function_url).stdout
    assert invoke("audit", source, output.parent, "--fix", "--function", function_url).exit_code == 0


def test_what_is_added_follows_the_face(missed: tuple[Path, Path], function_url: str) -> None:
    source, output = missed
    invoke("audit", source, output, "--function", function_url)
    (finding,) = report_of(output).findings
    parts = boxes_to_add(finding)
    assert parts[0].start < finding.boxes[0].start and parts[-1].end > finding.boxes[-1].end
    assert [BoxAt.parse(one.text) for one in parts] == parts
    assert boxes_to_add(finding, 1)[0].start == parts[0].start


def test_an_interrupted_audit_goes_on(
    missed: tuple[Path, Path], function_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = missed
    sent: list[int] = []
    send = FunctionClient.send

    async def counted(self: FunctionClient, images: Sequence[bytes], *arguments: Any, **named: Any) -> Any:
        sent.append(len(images))
        return await send(self, images, *arguments, **named)

    def stop(progress: AuditProgress) -> None:
        if progress.frames == FRAMES - 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(FunctionClient, "send", counted)
    endpoint = Endpoint((function_url,))
    whole = asyncio.run(audit(source, output, endpoint=endpoint, write=False))
    complete = sum(sent)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(audit(source, output, endpoint=endpoint, on_progress=stop))
    (journal,) = output.parent.glob("*.audit.searched.jsonl")
    sent.clear()
    report = asyncio.run(audit(source, output, endpoint=endpoint))
    assert sum(sent) < complete / 2 and not journal.exists()
    assert [one.model_copy(update={"mend": None}) for one in report.findings] == [
        one.model_copy(update={"mend": None}) for one in whole.findings
    ]
    # Of another sidecar nothing is taken over.
    journal.write_text('{"of": "another"}\n{"stream": 0, "frame": 0, "found": []}\n')
    sent.clear()
    asyncio.run(audit(source, output, endpoint=endpoint))
    assert sum(sent) == complete


def test_a_journal_that_was_cut_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    """As by kill -9 in the middle of a line: what an audit after that keeps is read by the one after it, too."""

    class Frame:
        def __init__(self, number: int, cut: bool = False) -> None:
            self.number, self.cut = number, cut
            self.detections = [MergedDetection((1.0, 2.0, 3.0, 4.0), 0.5, [(0, 0.5, False)])]

    path = tmp_path / "clip.audit.searched.jsonl"
    for number in range(3):
        with SearchJournal(path, "the same") as journal:
            known = [Frame(before) for before in range(number)]
            assert [journal.restore(0, [one]) for one in known] == [True] * number
            assert [one.cut for one in known] == [before == 1 for before in range(number)]
            assert not journal.restore(0, [Frame(number)])
            journal.keep(0, [Frame(number, cut=number == 1)])
        with path.open("a") as file:
            file.write('{"stream": 0, "frame": 7, "fo')
    with SearchJournal(path, "another") as journal:
        assert not journal.restore(0, [Frame(0)])


def test_a_full_disk_is_said_before_the_search() -> None:
    with small_disk(1) as folder:
        fill(folder)
        with (
            pytest.raises(UsageError, match="No space left on device"),
            SearchJournal(folder / "clip.audit.searched.jsonl", "this"),
        ):
            pass


def test_an_output_that_changes_while_it_is_audited_is_not_called_good(
    missed: tuple[Path, Path], function_url: str
) -> None:
    """Its report would be taken for that of the new output, which nobody has audited."""
    source, output = missed

    def change(progress: AuditProgress) -> None:
        if progress.frames == FRAMES - 2:
            with output.open("ab") as file:
                file.write(b"more")

    with pytest.raises(MediaError, match="changed while it was audited"):
        asyncio.run(audit(source, output, endpoint=Endpoint((function_url,)), on_progress=change))
    assert not output.with_name(f"{output.name}.audit.json").exists()


def test_edits_that_are_made_while_the_detectors_are_loaded_are_not_overlooked(
    missed: tuple[Path, Path], function_url: str
) -> None:
    """The output is audited by the edits that were there before: its report would be taken for that of the new ones."""

    async def edited_meanwhile() -> None:
        source, output = missed
        files = await opened(source, output, sidecar_path(output))
        append_edits(sidecar_path(output), [AddedFace((10.0, 10.0, 60.0, 60.0), 0.0, 0.2)])
        async with connected(Endpoint((function_url,))) as detectors:
            await audit_files(files, detectors)

    with pytest.raises(MediaError, match="changed while it was audited"):
        asyncio.run(edited_meanwhile())


def test_one_that_cannot_be_mended_does_not_keep_others_from_it(
    missed: tuple[Path, Path], function_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = missed
    broken = output.with_name("a.mp4")
    shutil.copy(output, broken)
    shutil.copy(sidecar_path(output), sidecar_path(broken))
    append = checked_edits.append_edits

    def refuse(sidecar: Path, *arguments: Any) -> Any:
        if sidecar == sidecar_path(broken):
            raise SidecarError(f"{sidecar}: the disk is full")
        return append(sidecar, *arguments)

    monkeypatch.setattr(checked_edits, "append_edits", refuse)
    done = invoke("audit", source, output.parent, "--fix", "--function", function_url)
    assert done.exit_code == 1, done.output
    assert report_of(output).passed and not report_of(broken).passed
    assert "cannot be mended" in done.stderr and "a.mp4" in done.stderr
