"""A release: every output below a folder is copied into another one, or kept back with a reason."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Event

from faceblur.auditing.report_files import check_writable
from faceblur.auditing.videos_below import videos_below
from faceblur.base.atomic_files import remove_stale
from faceblur.base.errors import FaceblurError, SidecarError, UsageError
from faceblur.redaction.named_source import named_in
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur.redaction.sidecar_format import SUFFIX
from faceblur.releasing.checksum_file import NAME, open_sums
from faceblur.releasing.conditions import releasable
from faceblur.releasing.copies import TargetTaken, copy_checked
from faceblur.releasing.records import write_records
from faceblur.releasing.released import ReleasedFile

log = logging.getLogger("faceblur")
Unreadable = Sequence[tuple[Path, str]]  # what cannot be read, and why
# Called with an output and how many bytes of it were read since the last call.
Advanced = Callable[[Path, int], None]


def outputs_below(outdir: Path, folder: Path) -> tuple[list[Path], Unreadable]:
    """The outputs to release into `folder`, and what cannot be read among them. Raises UsageError."""
    if not outdir.is_dir():
        raise UsageError(f"{outdir}: no such folder of outputs")
    one, other = _real(outdir), _real(folder)
    if one == other or one in other.parents or other in one.parents:
        raise UsageError(f"{folder}: choose a folder apart from {outdir}, which has files that show faces")
    outputs, unreadable = videos_below(outdir)
    if not outputs and not unreadable:
        raise UsageError(f"{outdir}: there is no video in it")
    if not unreadable and not any(os.path.exists(sidecar_path(one)) for one in outputs):
        # As the sources' folder: nothing may be written into it.
        raise UsageError(f"{outdir}: there is no output of a run in it: no video of it has a sidecar")
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UsageError(f"{folder}: a file: name a folder for the copies")
    sources = (source for source in map(_real, map(_source_of, outputs)) if other in source.parents)
    for one in filter(os.path.exists, [*sources, *other.rglob(f"*{SUFFIX}")]):
        raise UsageError(f"{folder}: choose a folder apart from {one}: it is for nothing that shows faces")
    return outputs, unreadable


def release(
    outdir: Path,
    folder: Path,
    found: tuple[Sequence[Path], Unreadable],
    on_bytes: Advanced,
    stop: Event,
    *,
    overwrite: bool = False,
) -> list[ReleasedFile]:
    """Copy the outputs that may be released into `folder`, under their paths below `outdir`; write sums and records.

    `found` is what `outputs_below` finds. Raises UsageError where sums or records cannot be written, and Stopped once
    `stop` is set: each copy is complete then, and the next call goes on.
    """
    outputs, unreadable = found
    check_writable(outdir)
    with open_sums(folder) as sums:
        remove_stale(folder)
        files = []
        for output in outputs:
            copy = partial(copy_checked, on_bytes=partial(on_bytes, output), stop=stop, overwrite=overwrite)
            files.append(_released(output, str(output.relative_to(outdir)), folder, copy))
        files += [_kept_back(str(path.relative_to(outdir)), folder, reason) for path, reason in unreadable]
        for one in files:
            sums.pop(one.name, None)
            if one.facts is not None and one.is_released:
                sums[one.name] = one.facts.sha256
        for name in [name for name in sums if not os.path.lexists(folder / name)]:  # removed since an earlier call
            log.warning("%s: it is no longer in %s: its sum is removed", name, folder)
            del sums[name]
    write_records(outdir, files)
    return files


def other_files(folder: Path, files: Sequence[ReleasedFile]) -> list[str]:
    """What is in a release beside these outputs and their sums: paths below it, such as copies of earlier calls."""
    below = (Path(path, name) for path, _, names in os.walk(folder) for name in names)
    return sorted({str(one.relative_to(folder)) for one in below} - {NAME, *(one.name for one in files)})


def _released(output: Path, name: str, folder: Path, copy: Callable[[Path, Path, str], bool]) -> ReleasedFile:
    try:
        facts = releasable(output)
        if not _is_below(folder, name):
            raise TargetTaken(f"{folder / name} is behind a link, which may lead anywhere: remove the link")
        is_new = copy(output, folder / name, facts.sha256)
        return ReleasedFile(name, "released" if is_new else "unchanged", facts=facts)
    except TargetTaken as error:
        return ReleasedFile(name, "kept back", str(error))
    except FaceblurError as error:
        return _kept_back(name, folder, str(error))
    except OSError as error:
        return _kept_back(name, folder, f"cannot be copied: {error.filename or output}: {error.strerror}")


def _kept_back(name: str, folder: Path, reason: str) -> ReleasedFile:
    if os.path.isfile(folder / name) and _is_below(folder, name):
        reason += f"; {folder / name} is of an earlier release: remove it"
    return ReleasedFile(name, "kept back", reason)


def _is_below(folder: Path, name: str) -> bool:
    """Whether no link in the folder leads elsewhere on the way to a name."""
    return _real((folder / name).parent) == (_real(folder) / name).parent


def _source_of(output: Path) -> Path:
    """Where an output's source is, as its sidecar says; without one the output itself, which is no source."""
    sidecar = sidecar_path(output)
    try:
        with SidecarReader(sidecar) as reader:
            video = reader.header.video
    except SidecarError:
        return output
    return named_in(sidecar.parent, video.path or video.name)


def _real(path: Path) -> Path:
    """The path without links; unlike `Path.resolve` it does not raise."""
    return Path(os.path.realpath(path))
