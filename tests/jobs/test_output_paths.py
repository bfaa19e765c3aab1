"""Output paths: whatever a file is called and wherever it lies, its output has a path of its own."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from faceblur.base.atomic_files import LONGEST_NAME, fitting_name
from faceblur.jobs.discovery import find_videos
from faceblur.jobs.output_paths import OutputPaths
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from tests.jobs.trees import invoke, output_paths, tree

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
        with SidecarReader(sidecar_path(tmp_path / "out" / path.name)) as sidecar:
            assert len(list(sidecar)) == 2
    long = fitting_name(expected[-1].name, ".mkv")
    assert long in outputs and len(os.fsencode(long)) == LONGEST_NAME and len(outputs) == 2 * len(NAMES)


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


def test_output_path_does_not_depend_on_what_can_be_read(clip: Path, tmp_path: Path) -> None:
    """Else the second card's clip would pass for the first one's, once that is there."""
    first = tree(tmp_path / "a", clip, "clip.mp4")
    second = tree(tmp_path / "b", clip, "clip.mp4")
    complete = find_videos([first, second], tmp_path / "out")
    (first / "clip.mp4").write_text("not copied yet")
    partial = find_videos([first, second], tmp_path / "out")
    assert (
        output_paths(complete, tmp_path / "out")["b/clip.mp4"] == output_paths(partial, tmp_path / "out")["b/clip.mp4"]
    )
    assert [path for path, _ in partial.broken] == [first / "clip.mp4"]


def test_output_names_that_become_the_same(clip: Path, tmp_path: Path) -> None:
    source = tree(tmp_path / "in", clip, "a.ogv", "a.ogv.mkv")
    assert output_paths(find_videos([source], tmp_path / "out"), tmp_path / "out") == {
        "in/a.ogv": "a.ogv.mkv",
        "in/a.ogv.mkv": "a.ogv (2).mkv",
    }


@pytest.mark.parametrize("names", [("Clip.mp4", "clip.mp4"), ("caf\u00e9.mp4", "cafe\u0301.mp4")])
def test_names_that_the_file_system_takes_for_one(names: tuple[str, str], tmp_path: Path) -> None:
    outdir = tmp_path / "out"
    apart, alike = OutputPaths(outdir), OutputPaths(outdir)
    alike._keeps_case = False  # as on most disks of Windows and macOS
    assert [apart.take(Path(name), Path(name)) for name in names] == [Path(name) for name in names]
    second = Path(
        unicodedata.normalize("NFC", str(alike.take(Path(names[1]), alike.take(Path(names[0]), Path(names[0])))))
    )
    assert second.name.endswith("(2).mp4") and list(alike.renamed) == [Path(names[1])]


def test_output_over_an_input_is_refused(clip: Path, tmp_path: Path) -> None:
    source = tree(tmp_path / "in", clip, "a.mp4")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mp4").symlink_to(source / "a.mp4")
    result = invoke("run", source, "-o", tmp_path / "out")
    assert result.exit_code == 2 and "is an input and would be an output" in result.output
