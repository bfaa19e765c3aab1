"""Files that are complete or absent, and their names."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from faceblur.base.atomic_files import LONGEST_NAME, AtomicFile, fitting_name, remove_stale
from faceblur.redaction.sidecar_files import SUFFIX


@pytest.mark.parametrize("name", ["a", "é" * 127, "x" * 255, "é" * 121 + "x"])
def test_longer_names_fit_and_differ(name: str) -> None:
    made = fitting_name(name, SUFFIX)
    assert made.endswith(SUFFIX) and len(os.fsencode(made)) <= LONGEST_NAME and "\ufffd" not in made
    assert made != fitting_name(name[:-1] + "z", SUFFIX) and made == fitting_name(name, SUFFIX)


def test_a_file_gets_its_name_when_it_is_finished(tmp_path: Path) -> None:
    output = AtomicFile(tmp_path / "a.txt")
    output.file.write(b"all of it")
    with pytest.raises(BlockingIOError):
        AtomicFile(tmp_path / "a.txt")
    assert not (tmp_path / "a.txt").exists() and remove_stale(tmp_path) == []
    output.finish()
    output.abort()  # does nothing any more
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"all of it"


def test_a_file_that_is_not_finished_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"before")
    output = AtomicFile(tmp_path / "a.txt")
    output.file.write(b"a part")
    output.abort()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"before"


def test_no_room_on_the_disk_leaves_nothing(tmp_path: Path) -> None:
    output = AtomicFile(tmp_path / "a.txt")
    output.file.write(b"x" * 3000)  # less than a buffer: the disk gets it at the end
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            output.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
