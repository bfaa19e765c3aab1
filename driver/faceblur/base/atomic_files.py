"""Outputs that are complete or absent: temporary names, locks, and the removal of what a killed run left."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

log = logging.getLogger("faceblur")

TEMPORARY_SUFFIX = ".faceblur-part"
LONGEST_NAME = 255  # bytes, of the usual file systems
# What fsync says where a file system cannot do it.
NO_FSYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF)
_unfinished: set[Path] = set()  # the temporary files that this process holds


def fitting_name(name: str, suffix: str) -> str:
    """`name + suffix`; where that is too long for a file system, a digest of the name replaces the name's end."""
    if len(os.fsencode(name + suffix)) <= LONGEST_NAME:
        return name + suffix
    encoded = os.fsencode(name)
    digest = f"~{hashlib.sha256(encoded).hexdigest()[:16]}"
    room = LONGEST_NAME - len(os.fsencode(digest + suffix))
    # Not in the middle of a character.
    return encoded[:room].decode("utf-8", "ignore") + digest + suffix


def temporary_path(path: Path, tag: str = "") -> Path:
    """Where a file is written until it is complete: in the same folder, hidden. `tag` tells an attempt of a fleet."""
    # Not the name itself: with a suffix more it may be too long.
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    return path.with_name(f".{digest}{f'.{tag}' if tag else ''}{TEMPORARY_SUFFIX}")


def remove_stale(folder: Path) -> list[Path]:
    """Remove the temporary files below a folder that no running process holds. Returns what was removed.

    A file that cannot be locked or removed is left alone: another run may hold it. Those of a fleet's attempts stay:
    they may be complete, which only its ledger knows.
    """
    removed = []
    for path in sorted(folder.rglob(f".*{TEMPORARY_SUFFIX}")):
        if "." in path.name.removesuffix(TEMPORARY_SUFFIX).removeprefix("."):
            continue
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                continue
            with _open_temporary(path) as file:
                if _is_locked(path, file.fileno()):
                    path.unlink()
                    removed.append(path)
        except OSError as error:
            log.info("%s is left alone: %s", path, error.strerror)
    return removed


def remove_unfinished() -> None:
    """Remove the temporary files of this process, which is about to end in the midst of its work."""
    for path in list(_unfinished):
        _remove(path)


class AtomicFile:
    """A file that gets its name by `finish`, once it is complete: until then it has a temporary name beside it.

    `file` is open for appending, and locked: else a run beside this one would remove it as stale. Where the file system
    has no locks, two of them never have the same temporary name. `tag` is in that name. Raises OSError: BlockingIOError
    while another run writes the same file.
    """

    def __init__(self, path: Path, tag: str = "") -> None:
        self.path, self.temporary = path, temporary_path(path, tag)
        _make_way(self.temporary)
        self.file, is_new = _create(self.temporary)
        try:
            if not _is_locked(self.temporary, self.file.fileno()) and not is_new:
                self.file.close()
                self.temporary = temporary_path(path.with_name(f"{path.name} {token_hex(8)}"), tag)
                self.file, _ = _create(self.temporary)
            self.file.truncate(0)
        except OSError:
            self.file.close()
            raise
        _unfinished.add(self.temporary)

    def complete(self) -> None:
        """Flush the file to the disk: it survives a power cut then. On an error it is removed."""
        try:
            self.file.flush()
            _flush_to_disk(self.file.fileno(), self.path.parent)
        except OSError:
            self.abort()
            raise

    def publish(self) -> None:
        """Give the complete file its name, which survives a power cut too. On an error it is removed."""
        try:
            os.replace(self.temporary, self.path)
        except OSError:
            self.abort()
            raise
        _unfinished.discard(self.temporary)
        with suppress(OSError):  # what it held is stored
            self.file.close()
        _flush_folder(self.path.parent)

    def finish(self) -> None:
        """Complete it and give it its name. On an error it is removed."""
        self.complete()
        self.publish()

    def abort(self) -> None:
        """Remove the temporary file. Does nothing after `finish`."""
        if not self.file.closed:
            _remove(self.temporary)
            _unfinished.discard(self.temporary)
            with suppress(OSError):  # the disk has no room for its last bytes, which are removed anyway
                self.file.close()


def write_complete(path: Path, content: bytes) -> None:
    """Write a file so that it has either all of its content or does not exist. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    output = AtomicFile(path)
    try:
        output.file.write(content)
        output.finish()
    finally:
        output.abort()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file, once no other process does. Where the file system has no locks, it is not. Raises OSError."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            _warn_no_locks(error)
        yield


@contextmanager
def held_if_free(path: Path) -> Iterator[bool]:
    """Hold a file unless another process does: gives whether it is free. So it is where there are no locks.

    One that cannot be opened counts as free: who reads it gets the reason.
    """
    try:
        file = path.open("rb")
    except OSError:
        yield True
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            _warn_no_locks(error)
        yield True


def append_complete(path: Path, content: bytes) -> None:
    """Append to a file, on the disk: all of it or nothing. Raises OSError."""
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        try:
            if file.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def publish(temporary: Path, path: Path) -> None:
    """Give a complete file of an earlier attempt its name. Raises OSError."""
    os.replace(temporary, path)
    _flush_folder(path.parent)


def _make_way(temporary: Path) -> None:
    """Remove what is no regular file under a temporary name: a FIFO would block, a link lead elsewhere."""
    try:
        mode = temporary.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, f"{temporary.name} beside it is a folder; remove it")
    if not stat.S_ISREG(mode):
        temporary.unlink()


def _open_temporary(path: Path, flags: int = 0) -> BinaryIO:
    # Neither through a link nor waiting for a FIFO's reader, should there be one all of a sudden.
    flags |= os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    return open(os.open(path, flags, 0o666), "ab")


def _create(path: Path) -> tuple[BinaryIO, bool]:
    """Open a temporary file, and say whether it is new."""
    try:
        return _open_temporary(path, os.O_CREAT | os.O_EXCL), True
    except FileExistsError:
        return _open_temporary(path, os.O_CREAT), False


def _is_locked(path: Path, descriptor: int) -> bool:
    """Lock an open file. Returns False where the file system has no locks. Raises BlockingIOError while it is held."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:  # as on some mounts of Lustre and SMB
        _warn_no_locks(error)
        return False
    try:
        is_there = os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        is_there = False
    if not is_there:  # who held it has just given it its final name
        raise BlockingIOError(errno.EWOULDBLOCK, "another run has just written it")
    return True


def _flush_to_disk(descriptor: int, folder: Path) -> None:
    """Flush a file to the disk. Raises OSError where it cannot be stored, not where there is no such call."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FSYNC:
            raise
        _warn_no_flush(folder, error)
        os.close(os.dup(descriptor))  # has a network's file system report what it could not store


def _flush_folder(folder: Path) -> None:
    """Flush a folder to the disk, where that is possible: a rename in it survives a power cut then."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:  # the file is complete and has its name
        _warn_no_flush(folder, error)


def _warn_no_flush(folder: Path, error: OSError) -> None:
    _warn_once(f"{folder}: cannot be flushed to the disk ({error.strerror}): a power cut may lose the last outputs")


def _warn_no_locks(error: OSError) -> None:
    _warn_once(f"the output's file system has no locks ({error.strerror}): run only one faceblur at a time there")


@cache
def _warn_once(message: str) -> None:
    log.warning("%s", message)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s: cannot be removed: %s", path, error.strerror)
