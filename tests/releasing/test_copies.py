"""Copies are the audited bytes or nothing; the file of sums is one for `sha256sum`, whatever the names."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from threading import Event

import pytest

from faceblur.base.atomic_files import temporary_path
from faceblur.releasing.checksum_file import open_sums, read_sums
from faceblur.releasing.conditions import NotReleasable
from faceblur.releasing.copies import CHUNK, Stopped, copy_checked
from faceblur.releasing.release import outputs_below, release

NAMES = [
    "plain.mp4",
    "two\nlines.mp4",
    "back\\slash.mp4",
    "back\\nslash.mp4",
    "return\r.mp4",
    "ümlaut .mp4",
    "\udcff.mp4",
]


def test_sums_are_for_sha256sum_and_are_read_back(tmp_path: Path) -> None:
    sums = {}
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode("utf-8", "surrogateescape"))
        sums[name] = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    with open_sums(tmp_path) as written:
        written |= sums
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)
    assert read_sums(tmp_path) == sums


def test_an_interrupted_release_leaves_complete_copies_and_goes_on(folder: Path) -> None:
    found = outputs_below(folder / "out", folder / "given")
    stop = Event()

    def stop_at_b(output: Path, _: int) -> None:
        if output.name == "b.mp4":
            stop.set()

    with pytest.raises(Stopped):
        release(folder / "out", folder / "given", found, stop_at_b, stop)
    copied = [one for one in (folder / "given").rglob("*") if one.is_file()]
    assert [one.read_bytes() for one in copied] == [(folder / "out" / "a.mp4").read_bytes()]
    files = release(folder / "out", folder / "given", found, lambda *_: None, Event())
    assert [one.state for one in files] == ["unchanged", "released"]


def test_a_stop_amid_a_file_leaves_nothing_of_it(tmp_path: Path) -> None:
    output, stop = tmp_path / "large.mp4", Event()
    output.write_bytes(bytes(2 * CHUNK))
    sha256 = hashlib.sha256(output.read_bytes()).hexdigest()

    def stop_while_copying(_: int) -> None:
        if (tmp_path / "given").exists():
            stop.set()

    with pytest.raises(Stopped):
        copy_checked(output, tmp_path / "given" / "large.mp4", sha256, stop_while_copying, stop, overwrite=False)
    assert list((tmp_path / "given").iterdir()) == []


@pytest.mark.parametrize("is_there", [False, True])
def test_an_output_that_is_written_again_meanwhile_is_not_copied(tmp_path: Path, is_there: bool) -> None:
    output, target = tmp_path / "out.mp4", tmp_path / "given.mp4"
    output.write_bytes(b"audited")
    sha256 = hashlib.sha256(b"audited").hexdigest()
    if is_there:
        target.write_bytes(b"audited")
    output.write_bytes(b"another")
    with pytest.raises(NotReleasable, match="not the file that was audited"):
        copy_checked(output, target, sha256, lambda _: None, Event(), overwrite=True)
    assert target.exists() == is_there


def test_what_was_not_audited_gets_no_temporary_copy_either(tmp_path: Path) -> None:
    output, given = tmp_path / "out.mp4", tmp_path / "given"
    output.write_bytes(b"another")

    def look(_: int) -> None:
        assert not given.exists()  # a kill now would leave what is there

    with pytest.raises(NotReleasable):
        copy_checked(output, given / "out.mp4", hashlib.sha256(b"audited").hexdigest(), look, Event(), overwrite=True)
    assert not given.exists()


def test_what_a_killed_release_left_is_removed(folder: Path) -> None:
    left = temporary_path(folder / "given" / "deep" / "c.mp4")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of an output that is kept back today")
    found = outputs_below(folder / "out", folder / "given")
    release(folder / "out", folder / "given", found, lambda *_: None, Event())
    assert not left.exists()
