"""File systems without locks or without a flush of folders, and files that change while they are read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calls import COMMAND, leftovers

# Every process of a command loads this before anything else: these system calls fail then as on Lustre or SMB.
LACKING = """
import errno, fcntl, os, stat
def flock(*arguments):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
fsync = os.fsync
def only_files(descriptor):
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    fsync(descriptor)
fcntl.flock, os.fsync = flock, only_files
"""


@pytest.fixture
def lacking(tmp_path: Path) -> dict[str, str]:
    """An environment whose file systems lack locks, and the flush of folders."""
    folder = tmp_path / "lacking"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LACKING)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def test_a_run_without_locks_is_done_with_one_warning_each(
    face_clip: Path, function_url: str, tmp_path: Path, lacking: dict[str, str]
) -> None:
    out = tmp_path / "out"
    command = [*COMMAND, "run", str(face_clip), "-o", str(out), "--function", function_url]
    first = subprocess.run(command, capture_output=True, text=True, env=lacking)
    assert first.returncode == 0 and "1 done" in first.stdout, first.stderr
    lines = first.stderr.splitlines()
    assert len([one for one in lines if "has no locks" in one]) == 1
    assert len([one for one in lines if "cannot be flushed to the disk" in one]) == 1
    second = subprocess.run(command, capture_output=True, text=True, env=lacking)
    assert second.returncode == 0 and "1 skipped" in second.stdout, second.stderr
    assert "Traceback" not in first.stderr + second.stderr and leftovers(out) == []


CHANGING = """
import os, sys
from pathlib import Path
from faceblur.cli.app import main
from faceblur.media.reader import VideoReader
how, source = sys.argv.pop(1), Path(sys.argv[2])
packets = VideoReader._packets
def changed(reader):
    for number, packet in enumerate(packets(reader)):
        if number == 5 and reader.path == source:
            if how == "deleted":
                source.unlink()
            elif how == "truncated":
                os.truncate(source, 0)
            elif how == "a folder":
                source.unlink()
                source.mkdir()
        yield packet
VideoReader._packets = changed
main()
"""


@pytest.mark.parametrize("how", ["deleted", "truncated", "a folder"])
def test_an_input_that_is_gone_while_it_is_read_is_its_own_failure(
    face_clip: Path, long_clip: Path, function_url: str, tmp_path: Path, how: str
) -> None:
    sources = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for path in sources:
        shutil.copy(long_clip if path is sources[0] else face_clip, path)
    command = [sys.executable, "-c", CHANGING, how, "run", *sources, "-o", tmp_path / "out", "--function", function_url]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 1 and "1 done, 1 failed" in done.stdout, done.stderr
    (line,) = [one for one in done.stderr.splitlines() if one.startswith("error: ")]
    assert line.startswith(f"error: {sources[0]}: ") and "bug" not in line and "Traceback" not in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.mp4", "b.mp4.faces.jsonl"]
