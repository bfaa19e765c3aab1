"""A whole folder is audited: one table, one index page, one exit code; `run --audit` does it at once."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.auditing.folder_audit import find_outputs
from faceblur.auditing.report import FileVerdict, FolderReport, as_json
from faceblur.redaction.sidecar_files import sidecar_path
from tests.cli.calls import invoke


@pytest.fixture(scope="module")
def made(face: Image, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two sources in `in`, one of them deeper, and their outputs in `out`."""
    folder = tmp_path_factory.mktemp("folder")
    for name, frames in (("a.mp4", 8), ("deep/b.mp4", 10)):
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write_clip(folder / "in" / name, pan(face, (192, 144), frames), audio_codec=None)
    done = invoke("run", folder / "in", "-o", folder / "out", "--function", function_url)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def leave_clear(folder: Path, name: str) -> None:
    shutil.copy(folder / "in" / name, folder / "out" / name)


def test_good_folder(folder: Path, function_url: str) -> None:
    call = ("audit", folder / "in", folder / "out", "--function", function_url)
    done = invoke(*call)
    assert done.exit_code == 0, done.output
    assert "2 outputs audited: nothing exposed was found" in done.stdout
    page = (folder / "out" / "faceblur-audit.html").read_text()
    assert 'href="a.mp4.audit.html"' in page and 'href="deep/b.mp4.audit.html"' in page
    report = json.loads((folder / "out" / "faceblur-audit.json").read_text())
    assert report["passed"] and [Path(one["output"]).name for one in report["files"]] == ["a.mp4", "b.mp4"]
    first = (folder / "out" / "a.mp4.audit.json").stat().st_mtime_ns
    assert invoke(*call).exit_code == 0  # it is known
    assert (folder / "out" / "a.mp4.audit.json").stat().st_mtime_ns == first
    assert invoke(*call, "--again").exit_code == 0
    assert (folder / "out" / "a.mp4.audit.json").stat().st_mtime_ns != first
    leave_clear(folder, "a.mp4")  # the report of before is not of this output
    assert invoke(*call).exit_code == 1


@pytest.mark.parametrize("wrong", ["clear", "no sidecar", "no source", "no output", "damaged"])
def test_one_that_is_wrong_is_named_and_fails_all(folder: Path, function_url: str, wrong: str) -> None:
    reasons = {
        "clear": "exposed",
        "no sidecar": "it has no sidecar a.mp4.faces.jsonl",
        "no source": "its source a.mp4 is not there",
        "no output": "there is no output of it",
        "damaged": "not audited",
    }
    output = folder / "out" / "a.mp4"
    if wrong == "clear":
        leave_clear(folder, "a.mp4")
    elif wrong == "no sidecar":
        sidecar_path(output).unlink()
    elif wrong == "no source":
        (folder / "in" / "a.mp4").unlink()
    elif wrong == "no output":
        output.unlink()
        sidecar_path(output).unlink()
    else:
        output.write_bytes(output.read_bytes()[:3000])
    done = invoke("audit", folder / "in", folder / "out", "--function", function_url)
    assert done.exit_code == 1, done.output
    shown = " ".join(done.stdout.replace("│", " ").split())
    assert reasons[wrong] in shown and "nothing exposed was found" in shown
    last = {
        "clear": "2 outputs audited: do not publish: 1 of them",
        "no sidecar": "2 files could not be audited; 1 output audited: nothing exposed was found",  # the source too
    }.get(wrong, "1 file could not be audited; 1 output audited: nothing exposed was found")
    assert last in done.stdout
    assert reasons[wrong] in (folder / "out" / "faceblur-audit.html").read_text()


def test_of_two_sources_of_one_name_each_output_gets_its_own(folder: Path, function_url: str) -> None:
    """As the run named the outputs: the deeper one came first."""
    shutil.copy(folder / "in" / "a.mp4", folder / "in" / "b.mp4")
    one, other = folder / "in" / "deep" / "b.mp4", folder / "in" / "b.mp4"
    done = invoke("run", one, other, "-o", folder / "two", "--function", function_url)
    assert done.exit_code == 0, done.output
    sources = {
        Path(each.output).name: Path(each.source).resolve() for each in find_outputs(folder / "in", folder / "two")
    }
    assert (sources["b.mp4"], sources["b (2).mp4"]) == (one, other)


@pytest.mark.parametrize("command", ["audit", "review"])
@pytest.mark.parametrize(("source", "output"), [("out", "in"), ("out/a.mp4", "in/a.mp4")])
def test_a_wrong_order_is_named_and_writes_nothing(folder: Path, command: str, source: str, output: str) -> None:
    reason = "name the source first, then the output"
    before = sorted(folder.rglob("*"))
    done = invoke(command, folder / source, folder / output)
    assert done.exit_code == 2 and reason in done.stderr and len(done.stderr.splitlines()) == 1, done.output
    assert sorted(folder.rglob("*")) == before


def test_a_folder_for_the_source_of_one_output_is_named(folder: Path) -> None:
    done = invoke("audit", folder / "in", folder / "out" / "a.mp4")
    assert done.exit_code == 2 and "name two files, or two folders" in done.stderr


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_sidecar_that_names_what_can_be_no_file_fails_alone(folder: Path, function_url: str, name: str) -> None:
    sidecar = sidecar_path(folder / "out" / "a.mp4")
    header, *lines = sidecar.read_text().splitlines()
    changed = json.loads(header)
    changed["video"] |= {"name": name, "path": name}
    sidecar.write_text("\n".join([json.dumps(changed), *lines, ""]))
    done = invoke("audit", folder / "in", folder / "out", "--function", function_url)
    assert done.exit_code == 1 and "1 output audited: nothing exposed was found" in done.stdout, done.output
    edited = invoke("edit", folder / "out" / "a.mp4", "--add", "0,0,9,9@0-1")
    assert edited.exit_code == 2 and "is not there: name it with --source" in edited.stderr
    of_one = invoke("audit", folder / "in" / "a.mp4", folder / "out" / "a.mp4", "--function", function_url)
    assert of_one.exit_code == 0, of_one.output  # the source is known by its content


def test_a_folder_without_outputs_is_a_wrong_call(folder: Path, function_url: str) -> None:
    (folder / "empty").mkdir()
    done = invoke("audit", folder / "in", folder / "empty", "--function", function_url)
    assert done.exit_code == 2 and "there is no output of a run in it" in done.output
    done = invoke("audit", folder / "in", folder / "out", folder / "a.jsonl", "--function", function_url)
    assert done.exit_code == 2 and "is a folder" in done.output


def test_run_audits_at_once(folder: Path, function_url: str) -> None:
    call = ("run", folder / "in", "-o", folder / "out", "--audit", "--function", function_url)
    done = invoke(*call)
    assert done.exit_code == 0, done.output
    assert "2 outputs audited: nothing exposed was found" in done.stdout and "check it" not in done.stdout
    assert done.stdout.endswith(
        "\nNAME.audit.html beside each output (the pages show real faces: do not publish them)\n"
    )
    leave_clear(folder, "a.mp4")
    done = invoke(*call)
    assert done.exit_code == 1 and "exposed" in done.stderr and "a.mp4" in done.stderr
    assert invoke(*call, "--no-sidecar").exit_code == 2


def test_what_cannot_be_read_fails_the_audit(folder: Path, function_url: str) -> None:
    """A folder or a link may hold an output, which nobody has audited."""
    (folder / "out" / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    done = invoke("audit", folder / "in", folder / "out", "--function", function_url)
    assert done.exit_code == 1 and "gone.mp4" in done.stdout and "a link to nowhere" in " ".join(done.stdout.split())


def test_outputs_of_names_that_are_not_utf8_have_their_sources(folder: Path, function_url: str) -> None:
    (folder / "in" / "a.mp4").rename(folder / "in" / os.fsdecode(b"a \xff.mp4"))
    run = ("run", folder / "in", "-o", folder / "new", "--function", function_url)
    assert invoke(*run).exit_code == 0
    found = find_outputs(folder / "in", folder / "new")
    assert len(found) == 2 and not any(one.reason for one in found), found
    # Where it is now, or where it was when it was redacted.
    assert not any(one.reason for one in find_outputs(folder / "in" / "deep", folder / "new"))
    assert invoke("edit", next((folder / "new").glob("a*.mp4")), "--add", "0,0,9,9@0-1").exit_code == 0


def test_links_that_cannot_be_followed_fail_alone(folder: Path) -> None:
    for one in (folder / "in" / "c.mp4", folder / "out" / "c.mp4", sidecar_path(folder / "out" / "c.mp4")):
        one.symlink_to("c" * 300)
    found = find_outputs(folder / "in", folder / "out")
    reasons = {(Path(one.source).name, Path(one.output).name): one.reason for one in found}
    assert reasons == {
        ("a.mp4", "a.mp4"): "",
        ("b.mp4", "b.mp4"): "",
        ("", "c.mp4"): "it has no sidecar c.mp4.faces.jsonl",
        ("c.mp4", ""): "there is no output of it",
    }


def test_a_name_that_is_not_utf8() -> None:
    name = os.fsdecode(b"clip \xff.mp4")
    report = FolderReport(passed=False, files=[FileVerdict(source="", output=name, reason="Löwe")])
    written = as_json(report)
    assert FolderReport.model_validate(json.loads(written)) == report and "Löwe".encode() in written


def test_a_folder_into_which_nothing_can_be_written_is_refused_before_the_work(
    folder: Path, function_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may run as root, for whom no mode makes a folder read-only."""
    refused = folder / "out" / "deep"

    def temporary(dir: Path) -> io.BytesIO:
        if dir == refused:
            raise PermissionError(errno.EACCES, "Permission denied")
        return io.BytesIO()

    monkeypatch.setattr("faceblur.auditing.report_files.tempfile.TemporaryFile", temporary)
    why = (
        f"the report cannot be written into {refused}: Permission denied: copy the output to a folder that has room "
        "and can be written, and audit it there"
    )
    of_one = invoke("audit", folder / "in/deep/b.mp4", refused / "b.mp4", "--function", function_url)
    assert of_one.exit_code == 2 and why in of_one.stderr
    of_all = invoke("audit", folder / "in", folder / "out", "--function", function_url)
    report = json.loads((folder / "out" / "faceblur-audit.json").read_text())
    assert of_all.exit_code == 1 and [one.get("reason") for one in report["files"]] == ["", why]
    assert report["files"][0]["report"]["passed"]
    refused = folder / "out"
    of_all = invoke("audit", folder / "in", folder / "out", "--function", function_url)
    assert of_all.exit_code == 2 and "cannot be written" in of_all.stderr and not of_all.stdout
