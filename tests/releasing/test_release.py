"""What may be given away is copied with its sums; everything else is kept back, and named."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from faceblur.auditing.report import AuditReport, report_path
from faceblur.auditing.verdicts import append_verdict, key_of, verdicts_path
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.redaction.sidecar_format import edits_path
from faceblur.releasing.checksum_file import open_sums, read_sums
from tests.cli.calls import invoke

A, B = "a.mp4", "deep/b.mp4"


def release(folder: Path, *more: object) -> Result:
    return invoke("release", folder / "out", "-o", folder / "given", *more)


def given(folder: Path) -> list[str]:
    """Every file in the release."""
    return sorted(str(one.relative_to(folder / "given")) for one in (folder / "given").rglob("*") if one.is_file())


def check_sums(folder: Path) -> list[str]:
    """What `sha256sum` finds in order."""
    call = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(call, cwd=folder / "given", capture_output=True, text=True, check=True)
    return [line.removesuffix(": OK") for line in done.stdout.splitlines()]


def record(folder: Path, name: str = "release") -> list[dict[str, str]]:
    with (folder / "out" / f"faceblur-{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def report_of(output: Path) -> AuditReport:
    return AuditReport.model_validate_json(report_path(output, "json").read_bytes())


def change_report(output: Path, **fields: object) -> None:
    path = report_path(output, "json")
    path.write_text(json.dumps(json.loads(path.read_bytes()) | fields))


def test_outputs_are_copied_with_their_sums_and_nothing_else_is(folder: Path) -> None:
    done = release(folder)
    assert done.exit_code == 0, done.output
    assert given(folder) == ["SHA256SUMS", A, B] and check_sums(folder) == [A, B]
    for name in (A, B):
        assert (folder / "given" / name).read_bytes() == (folder / "out" / name).read_bytes()
    assert [(one["output"], one["state"]) for one in record(folder)] == [(A, "released"), (B, "released")]
    before = (folder / "given" / A).stat().st_mtime_ns
    again = release(folder)
    assert again.exit_code == 0 and "unchanged" in again.stdout
    assert (folder / "given" / A).stat().st_mtime_ns == before and check_sums(folder) == [A, B]


def not_audited(output: Path) -> None:
    report_path(output, "json").unlink()


def replaced_by_its_source(output: Path) -> None:
    shutil.copy(output.parents[1] / "in" / A, output)


def edited(output: Path) -> None:
    assert invoke("edit", output, "--add", "0,0,9,9@0-1").exit_code == 0


def sidecar_changed(output: Path) -> None:
    sidecar = sidecar_path(output)
    sidecar.write_bytes(sidecar.read_bytes().replace(b"0.4", b"0.5", 1))


def no_sidecar(output: Path) -> None:
    sidecar_path(output).unlink()


def of_an_older_version(output: Path) -> None:
    change_report(output, sha256=None)


def torn_report(output: Path) -> None:
    report = report_path(output, "json")
    report.write_bytes(report.read_bytes()[:100])


def more_than_listed(output: Path) -> None:
    change_report(output, counts={"exposed": 201})


def torn_verdicts(output: Path) -> None:
    output.with_name(f"{output.name}.reviews.jsonl").write_text('{"finding"\n')


def fifo_for_its_sidecar(output: Path) -> None:
    sidecar_path(output).unlink()
    os.mkfifo(sidecar_path(output))


def fifo_for_its_edits(output: Path) -> None:
    os.mkfifo(edits_path(sidecar_path(output)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (not_audited, "it was not audited"),
        (replaced_by_its_source, "it is not the file that was audited"),
        (edited, "it was edited after the audit"),
        (sidecar_changed, "its sidecar was changed after the audit"),
        (no_sidecar, "it has no sidecar a.mp4.faces.jsonl"),
        (of_an_older_version, "audited by an older version"),
        (torn_report, "not a report that can be read"),
        (more_than_listed, "201 findings are open"),
        (torn_verdicts, "line 1: "),
        (fifo_for_its_sidecar, "no regular file"),
        (fifo_for_its_edits, "no regular file"),
    ],
)
def test_what_was_not_audited_as_it_is_is_kept_back(folder: Path, change: Callable[[Path], None], reason: str) -> None:
    change(folder / "out" / A)
    done = release(folder)
    assert done.exit_code == 1 and f"error: {A}: " in done.stderr and reason in done.stderr
    assert given(folder) == ["SHA256SUMS", B] and check_sums(folder) == [B]
    kept_back = record(folder)[0]
    assert kept_back["state"] == "kept back" and reason in kept_back["reason"] and not kept_back["sha256"]


def test_an_output_of_a_source_whose_name_is_not_utf_8_is_released(folder: Path) -> None:
    change_report(folder / "out" / A, source="in/\udcff.mp4")
    assert release(folder).exit_code == 0
    assert record(folder)[0]["source"] == "in/\\udcff.mp4"


def judge_another_source(output: Path) -> None:
    """As if the verdicts were on an output of this name that an earlier run had written of another video."""
    path = verdicts_path(output)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(one | {"video": one["video"] | {"bytes": 1}}) + "\n" for one in lines))


@pytest.mark.parametrize(("verdict", "code"), [(None, 1), ("unclear", 1), ("mask", 1), ("fine", 0), ("no-face", 0)])
def test_a_finding_that_fails_the_audit_takes_a_person_who_judges_it_harmless(
    folder: Path, function_url: str, verdict: str | None, code: int
) -> None:
    output = folder / "out" / A
    shutil.copy(folder / "in" / A, output)
    assert invoke("audit", folder / "in" / A, output, "--function", function_url).exit_code == 1
    found = report_of(output).findings
    for one in found if verdict else []:
        append_verdict(output, key_of(one), verdict, "ann")  # type: ignore[arg-type]
    done = release(folder)
    assert done.exit_code == code, done.output
    assert (A in given(folder)) == (code == 0)
    assert ("open: mend what is exposed" in done.stderr) == bool(code)
    if code == 0:
        assert record(folder)[0]["judged_harmless"] == str(len(found))
        assert "1 output with findings that a person judged harmless" in done.stdout
        judge_another_source(output)
        assert release(folder).exit_code == 1


def test_a_copy_of_an_earlier_release_is_named_and_replaced_only_when_told_to(folder: Path, function_url: str) -> None:
    assert release(folder).exit_code == 0
    edited(folder / "out" / A)
    kept_back = release(folder)
    assert (
        kept_back.exit_code == 1 and f"{folder / 'given' / A} is of an earlier release: remove it" in kept_back.stderr
    )
    assert check_sums(folder) == [B]
    assert invoke("audit", folder / "in", folder / "out", "--function", function_url).exit_code == 0
    taken = release(folder)
    assert taken.exit_code == 1 and "another file: --overwrite replaces it" in taken.stderr
    assert check_sums(folder) == [B]
    assert release(folder, "--overwrite").exit_code == 0
    assert check_sums(folder) == [A, B]
    assert (folder / "given" / A).read_bytes() == (folder / "out" / A).read_bytes()


def test_a_link_to_the_output_is_no_copy(folder: Path) -> None:
    (folder / "given").mkdir()
    (folder / "given" / A).symlink_to(folder / "out" / A)
    assert release(folder).exit_code == 1
    assert release(folder, "--overwrite").exit_code == 0 and not (folder / "given" / A).is_symlink()
    assert (folder / "out" / A).exists()


def test_a_link_in_the_release_leads_to_nobodys_file(folder: Path) -> None:
    (folder / "given").mkdir()
    (folder / "given" / "deep").symlink_to(folder / "mine")
    shutil.copytree(folder / "in" / "deep", folder / "mine")
    done = release(folder, "--overwrite")
    assert done.exit_code == 1 and f"{folder / 'given' / B} is behind a link" in done.stderr
    assert (folder / "mine" / "b.mp4").read_bytes() == (folder / "in" / B).read_bytes()
    report_path(folder / "out" / B, "json").unlink()
    assert f"{folder / 'given' / B} is of an earlier release" not in release(folder).stderr  # "remove it", it says


def test_a_fifo_in_the_release_is_not_waited_for(folder: Path) -> None:
    (folder / "given").mkdir()
    os.mkfifo(folder / "given" / A)
    taken = release(folder)
    assert taken.exit_code == 1 and "another file: --overwrite replaces it" in taken.stderr
    assert release(folder, "--overwrite").exit_code == 0 and check_sums(folder) == [A, B]
    (folder / "given" / "SHA256SUMS").unlink()
    os.mkfifo(folder / "given" / "SHA256SUMS")
    refused = release(folder)
    assert refused.exit_code == 2 and "no regular file" in refused.stderr


def test_what_cannot_be_read_is_recorded_and_loses_its_sum(folder: Path) -> None:
    assert release(folder).exit_code == 0
    (folder / "out" / A).unlink()
    (folder / "out" / A).symlink_to("nowhere")
    done = release(folder)
    assert done.exit_code == 1 and f"{folder / 'given' / A} is of an earlier release: remove it" in done.stderr
    assert check_sums(folder) == [B]
    assert [(one["output"], one["state"]) for one in record(folder)] == [(B, "unchanged"), (A, "kept back")]


def test_two_releases_into_one_folder_at_a_time(folder: Path) -> None:
    with open_sums(folder / "given") as sums:
        done = release(folder)
        assert done.exit_code == 2 and "another release writes into it" in done.stderr
        sums["c.mp4"] = "0" * 64
    (folder / "given" / "c.mp4").touch()
    assert release(folder).exit_code == 0
    assert sorted(read_sums(folder / "given")) == [A, "c.mp4", B]


def test_spared_faces_and_who_decided_are_recorded(folder: Path, function_url: str) -> None:
    output = folder / "out" / A
    assert invoke("edit", output, "--spare-track", 1).exit_code == 0
    edits = output.with_name(f"{A}.edits.jsonl")
    lines = edits.read_text().splitlines()
    lines[-1] = json.dumps(json.loads(lines[-1]) | {"by": "Ann, B.", "reason": "=HYPERLINK()"})
    edits.write_text("\n".join([*lines, ""]))
    assert invoke("audit", folder / "in", folder / "out", "--function", function_url).exit_code == 0
    append_verdict(output, key_of(report_of(output).watch[0]), "fine", "bob")
    done = release(folder)
    assert done.exit_code == 0, done.output
    assert "1 output with spared faces visible, by a person's choice" in done.stdout
    spared, verdict = record(folder, "changes")
    assert (spared["output"], spared["by"], spared["what"], spared["track"]) == (A, "Ann, B.", "spare-track", "1")
    assert spared["reason"] == "'=HYPERLINK()"  # no spreadsheet calculates it
    assert (verdict["by"], verdict["what"]) == ("bob", "verdict: fine") and verdict["finding"].startswith("spared-")


def test_an_added_box_is_recorded_as_it_was_written(folder: Path) -> None:
    assert invoke("edit", folder / "out" / A, "--add", "10,20,30.5,40@0-1").exit_code == 0
    done = release(folder)
    assert done.exit_code == 1 and "audit it again, once the edits are in it" in done.stderr
    assert record(folder, "changes")[0]["box"] == "10,20,30.5,40"


@pytest.mark.parametrize(
    ("out", "given", "reason"),
    [
        ("out", "out", "apart from"),
        ("out", "out/given", "apart from"),
        ("out", ".", "apart from"),
        ("in/no", "given", "no such folder of outputs"),
        ("out/a.mp4", "given", "no such folder of outputs"),
        ("empty", "given", "there is no video in it"),
        ("out", "in/a.mp4", "a file: name a folder"),
        ("in", "given", "there is no output of a run in it"),
        ("out", "in", "in/a.mp4: it is for nothing that shows faces"),
        ("out", "other", "c.mp4.faces.jsonl: it is for nothing that shows faces"),
    ],
)
def test_wrong_calls(folder: Path, out: str, given: str, reason: str) -> None:
    (folder / "empty").mkdir()
    (folder / "other").mkdir()
    (folder / "other" / "c.mp4.faces.jsonl").touch()
    before = sorted(folder.rglob("*"))
    done = invoke("release", folder / out, "-o", folder / given, "--overwrite")
    assert done.exit_code == 2 and reason in done.stderr and len(done.stderr.splitlines()) == 1
    assert sorted(folder.rglob("*")) == before


def test_a_folder_with_another_file_of_sums_is_left_alone(folder: Path) -> None:
    (folder / "given").mkdir()
    (folder / "given" / "SHA256SUMS").write_text("my notes\n")
    done = release(folder)
    assert done.exit_code == 2 and "not a file of SHA-256 sums" in done.stderr
    assert given(folder) == ["SHA256SUMS"] and (folder / "given" / "SHA256SUMS").read_text() == "my notes\n"
