"""A release: every output below a folder is copied into another one, or kept back with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

from faceblur.auditing.report_files import check_writable
from faceblur.auditing.videos_below import videos_below
from faceblur.base.errors import FaceblurError, UsageError
from faceblur.releasing.checksum_file import NAME as SUMS_NAME
from faceblur.releasing.checksum_file import read_sums, write_sums
from faceblur.releasing.conditions import releasable
from faceblur.releasing.copies import TargetTaken, copy_checked
from faceblur.releasing.records import write_records
from faceblur.releasing.released import ReleasedFile

# Called with an output and how many bytes of it were read since the last call.
Advanced = Callable[[Path, int], None]


def outputs_below(outdir: Path, folder: Path) -> tuple[list[Path], list[ReleasedFile]]:
    """The outputs to release into `folder`, and what cannot be read among them. Raises UsageError."""
    if not outdir.is_dir():
        raise UsageError(f"{outdir}: no such folder of outputs")
    one, other = outdir.resolve(), folder.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise UsageError(f"{folder}: choose a folder apart from {outdir}, which has files that show faces")
    outputs, unreadable = videos_below(outdir)
    if not outputs and not unreadable:
        raise UsageError(f"{outdir}: there is no video in it")
    return outputs, [ReleasedFile(_name(path, outdir), "kept back", reason) for path, reason in unreadable]


def release(
    outdir: Path, folder: Path, outputs: Sequence[Path], on_bytes: Advanced, stop: Event, *, overwrite: bool = False
) -> list[ReleasedFile]:
    """Copy the outputs that may be released into `folder`, under their paths below `outdir`; write sums and records.

    Raises UsageError where these cannot be written, and Stopped once `stop` is set: each copy is complete then, and the
    next call goes on.
    """
    check_writable(outdir)
    with _as_usage_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sums = read_sums(folder)
    files = []
    for output in outputs:
        copy = partial(copy_checked, on_bytes=partial(on_bytes, output), stop=stop, overwrite=overwrite)
        files.append(_released(output, _name(output, outdir), folder, copy))
    for one in files:
        sums.pop(one.name, None)
        if one.facts is not None and one.is_released:
            sums[one.name] = one.facts.sha256
    if sums or (folder / SUMS_NAME).exists():
        with _as_usage_error(folder):
            write_sums(folder, sums)
    write_records(outdir, files)
    return files


def _released(output: Path, name: str, folder: Path, copy: Callable[[Path, Path, str], bool]) -> ReleasedFile:
    target = folder / name
    try:
        facts = releasable(output)
        is_new = copy(output, target, facts.sha256)
        return ReleasedFile(name, "released" if is_new else "unchanged", facts=facts)
    except TargetTaken as error:
        return ReleasedFile(name, "kept back", str(error))
    except FaceblurError as error:
        reason = str(error)
    except OSError as error:
        reason = f"cannot be copied: {error.strerror}"
    if target.exists():
        reason += f"; {target} is of an earlier release: remove it"
    return ReleasedFile(name, "kept back", reason)


@contextmanager
def _as_usage_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{folder / SUMS_NAME}: cannot be read or written: {error.strerror}") from error


def _name(path: Path, outdir: Path) -> str:
    return str(path.relative_to(outdir))
