"""Files that are complete or absent, and their names."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceblur.base import atomic_files
from faceblur.base.atomic_files import (
    LONGEST_NAME,
    TEMPORARY_SUFFIX,
    AtomicFile,
    fitting_name,
    remove_stale,
    remove_unfinished,
    temporary_path,
    write_complete,
)
from faceblur.redaction.sidecar_format import SUFFIX


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


class Messages(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def warned() -> Iterator[list[str]]:
    """The warnings, each of which comes once in a process."""
    handler, logger = Messages(), logging.getLogger("faceblur")
    atomic_files._warn_once.cache_clear()
    logger.addHandler(handler)
    yield handler.texts
    logger.removeHandler(handler)
    atomic_files._warn_once.cache_clear()


def failing(monkeypatch: pytest.MonkeyPatch, module: object, name: str, number: int, *, folders: bool = False) -> None:
    """Have a system call fail, as on file systems that lack it; `folders`: on folders only."""
    real = getattr(module, name)

    def call(descriptor: int, *arguments: object) -> object:
        if folders and not os.path.isdir(f"/proc/self/fd/{descriptor}"):
            return real(descriptor, *arguments)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, name, call)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL])
def test_without_locks_files_are_written_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: list[str], number: int
) -> None:
    failing(monkeypatch, fcntl, "flock", number)
    (tmp_path / f".0{TEMPORARY_SUFFIX}").write_bytes(b"perhaps of a run beside this one")
    first, second = AtomicFile(tmp_path / "a.txt"), AtomicFile(tmp_path / "a.txt")
    assert first.temporary != second.temporary  # two runs never write into one another's file
    first.file.write(b"first")
    second.file.write(b"second")
    assert remove_stale(tmp_path) == []
    second.finish()
    assert (tmp_path / "a.txt").read_bytes() == b"second"
    first.finish()
    assert (tmp_path / "a.txt").read_bytes() == b"first"
    assert len(warned) == 1 and "has no locks" in warned[0]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EIO])
def test_a_folder_that_cannot_be_flushed_has_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: list[str], number: int
) -> None:
    failing(monkeypatch, os, "fsync", number, folders=True)
    for name in ("a.txt", "b.txt"):
        write_complete(tmp_path / name, b"all of it")
        assert (tmp_path / name).read_bytes() == b"all of it"
    assert len(warned) == 1 and "cannot be flushed to the disk" in warned[0]


def test_a_folder_that_cannot_be_opened_has_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: list[str]
) -> None:
    real = os.open

    def refusing(path: object, *arguments: int) -> int:
        if path == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    write_complete(tmp_path / "a.txt", b"all of it")
    assert (tmp_path / "a.txt").read_bytes() == b"all of it" and len(warned) == 1


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_without_fsync_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: list[str], number: int
) -> None:
    failing(monkeypatch, os, "fsync", number)
    write_complete(tmp_path / "a.txt", b"all of it")
    assert (tmp_path / "a.txt").read_bytes() == b"all of it" and len(warned) == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.EROFS])
def test_a_file_that_the_disk_does_not_take_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    failing(monkeypatch, os, "fsync", number)
    with pytest.raises(OSError, match=os.strerror(number)):
        write_complete(tmp_path / "a.txt", b"all of it")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["fifo", "link", "link to a fifo", "link to nowhere", "socket"])
def test_what_is_no_file_under_a_temporary_name_gives_way(tmp_path: Path, kind: str) -> None:
    temporary, other = temporary_path(tmp_path / "a.txt"), tmp_path / "other"
    listening = socket.socket(socket.AF_UNIX)
    if kind == "fifo":
        os.mkfifo(temporary)
    elif kind == "socket":
        listening.bind(str(temporary))
    else:
        temporary.symlink_to(other)
    if kind == "link":
        other.write_bytes(b"of somebody else")
    elif kind == "link to a fifo":
        os.mkfifo(other)
    assert remove_stale(tmp_path) == []
    write_complete(tmp_path / "a.txt", b"all of it")
    listening.close()
    assert (tmp_path / "a.txt").read_bytes() == b"all of it" and not (tmp_path / "a.txt").is_symlink()
    assert not os.path.lexists(temporary)
    if kind == "link":
        assert other.read_bytes() == b"of somebody else"


def test_a_folder_under_a_temporary_name_is_named(tmp_path: Path) -> None:
    temporary_path(tmp_path / "a.txt").mkdir()
    with pytest.raises(OSError, match=r"\.faceblur-part beside it is a folder; remove it"):
        write_complete(tmp_path / "a.txt", b"all of it")


def test_stale_files_that_cannot_be_removed_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f".{name}{TEMPORARY_SUFFIX}" for name in "ab"]
    for path in paths:
        path.write_bytes(b"half a video")
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path == paths[0]:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert remove_stale(tmp_path) == [paths[1]]


def test_a_file_that_another_run_has_just_finished_is_not_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run gives the file its name after this one has opened it, and before this one locks it."""
    real, output = fcntl.flock, tmp_path / "a.txt"
    temporary_path(output).write_bytes(b"all of it")

    def flock(descriptor: int, how: int) -> None:
        os.replace(temporary_path(output), output)
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError):
        AtomicFile(output)
    assert output.read_bytes() == b"all of it"


def test_a_process_that_ends_amid_its_work_removes_what_is_not_finished(tmp_path: Path) -> None:
    write_complete(tmp_path / "finished.txt", b"all of it")
    outputs = [AtomicFile(tmp_path / name) for name in ("a.txt", "b.txt")]
    outputs[0].abort()
    remove_unfinished()
    assert [path.name for path in tmp_path.iterdir()] == ["finished.txt"]
    outputs[1].abort()


def test_a_temporary_file_that_just_got_its_final_name_is_not_taken_for_a_lost_one(tmp_path: Path) -> None:
    """Who held it has renamed it after this process has opened it."""
    path = tmp_path / "temporary"
    with path.open("ab") as file:
        path.rename(tmp_path / "final")
        with pytest.raises(BlockingIOError, match="another run has just written it"):
            atomic_files._is_locked(path, file.fileno())
