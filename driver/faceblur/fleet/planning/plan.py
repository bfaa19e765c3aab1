"""The plan of an archive: what is in it, what of it will not be kept or done, and what it takes; also as JSON."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from faceblur.base.errors import UsageError
from faceblur.fleet.planning.archive_facts import Probe, SpeedSample
from faceblur.fleet.planning.estimate import Estimate, estimate
from faceblur.fleet.planning.fleet_size import FleetSize

VERSION = 1


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the outputs of so many videos will not keep, with one of them."""

    what: str
    videos: int
    example: str


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What probes and samples say of the videos below `inputs`, which are absolute paths.

    `forms` counts videos by codec and size, `failing` and `awkward` pair a path with the reason, `others` is the number
    of files that are no videos. `free_bytes` is what the disk of the outputs has, where that is known.
    """

    inputs: list[str]
    videos: int
    seconds: float
    frames: int
    megapixels: float
    bytes: int
    forms: dict[str, int]
    failing: list[tuple[str, str]]
    awkward: list[tuple[str, str]]
    left_out: list[LeftOut]
    others: int
    samples: list[SpeedSample]
    fleet: FleetSize
    estimate: Estimate | None
    free_bytes: int | None

    def to_json(self) -> str:
        return json.dumps({"version": VERSION} | dataclasses.asdict(self))


def make_plan(
    inputs: Sequence[Path], out: Path | None, probes: Sequence[Probe], samples: Sequence[SpeedSample], fleet: FleetSize
) -> ArchivePlan:
    """Put together what is known."""
    videos = [one for one in probes if one.is_video]
    usable = [one for one in videos if not one.fails]
    forms: dict[str, int] = defaultdict(int)
    left_out: dict[str, list[str]] = defaultdict(list)
    for one in usable:
        forms[f"{one.codec} {one.width}x{one.height}"] += 1
        for what in dict.fromkeys(one.left_out):
            left_out[what].append(one.path)
    return ArchivePlan(
        inputs=[str(path.absolute()) for path in inputs],
        videos=len(usable),
        seconds=sum(one.seconds for one in usable),
        frames=sum(one.frames for one in usable),
        megapixels=sum(one.megapixels for one in usable),
        bytes=sum(one.bytes for one in usable),
        forms=dict(sorted(forms.items(), key=lambda item: -item[1])),
        failing=[(one.path, one.fails) for one in videos if one.fails],
        awkward=[(one.path, note) for one in usable for note in one.notes],
        left_out=sorted(
            (LeftOut(what, len(paths), paths[0]) for what, paths in left_out.items()), key=lambda one: -one.videos
        ),
        others=len(probes) - len(videos),
        samples=list(samples),
        fleet=fleet,
        estimate=estimate(probes, samples, fleet),
        free_bytes=None if out is None else _free(out),
    )


def _free(folder: Path) -> int | None:
    """The free bytes of the disk on which a folder is, or will be."""
    for one in (folder, *folder.absolute().parents):
        if one.is_dir():
            return shutil.disk_usage(one).free
    return None


def read_plan(path: Path) -> dict[str, Any]:
    """A plan that was kept, as JSON's objects. Raises UsageError."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: no plan: keep one by `faceblur plan … --json > {path}`") from error
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise UsageError(f"{path}: no plan of this version of faceblur: make it again")
    try:
        TypeAdapter(ArchivePlan).validate_python(found)
    except ValidationError as error:
        raise UsageError(f"{path}: no plan, or one that was changed: make it again") from error
    return found
