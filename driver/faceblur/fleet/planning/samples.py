"""Samples of an archive: a few seconds of some videos, which are redacted to measure what the rest will take."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from faceblur.base.errors import MediaError
from faceblur.base.events import ON_THE_WAY
from faceblur.fleet.planning.archive_facts import Probe, SpeedSample
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.report import FileReport, Report
from faceblur.media.excerpt import write_excerpt
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.redaction.threads import OwnThread

log = logging.getLogger("faceblur")
PLACES = (0.5, 0.25, 0.75, 0.1, 0.9)  # of the parts of a video, as shares of its length
STEP = 7  # of the videos of a kind every so manieth is sampled first, beginning with the one of the most work


def choose(probes: Sequence[Probe], count: int, seconds: float, avoid: Collection[Path]) -> list[tuple[Probe, float]]:
    """The videos of which so many seconds are sampled, and where: a share of the length. No part is taken twice.

    Most are of the kinds that most of the work is. `avoid` are files that crashed a codec.
    """
    kinds: dict[tuple[str, int, int], list[Probe]] = defaultdict(list)
    for one in probes:
        if one.megapixels and not one.fails and Path(one.path) not in avoid:
            kinds[one.codec, one.width, one.height].append(one)
    parts = {kind: _parts(videos, seconds) for kind, videos in kinds.items()}
    left = {kind: sum(one.megapixels for one in videos) for kind, videos in kinds.items()}
    taken = dict.fromkeys(kinds, 0)
    chosen: list[tuple[Probe, float]] = []
    while left and len(chosen) < count:
        # The kind with the most work for each sample that it will have.
        kind = max(left, key=lambda kind: left[kind] / (taken[kind] + 1))
        if (part := next(parts[kind], None)) is None:
            del left[kind]
        else:
            taken[kind] += 1
            chosen.append(part)
    return chosen


def _parts(videos: Sequence[Probe], seconds: float) -> Iterator[tuple[Probe, float]]:
    """Parts of all videos of a kind, then others of those that are long enough for another one."""
    by_work = sorted(videos, key=lambda one: -one.megapixels)
    mixed = [one for first in range(STEP) for one in by_work[first::STEP]]
    for turn in range(len(PLACES)):
        for index, one in enumerate(mixed):
            if turn == 0 or (turn + 1) * seconds <= one.seconds:
                yield one, PLACES[(index + turn) % len(PLACES)]


async def take_samples(
    chosen: Sequence[tuple[Probe, float]],
    seconds: float,
    journal: Journal,
    redact: Callable[[Path, Path], Awaitable[Report]],
) -> list[SpeedSample]:
    """Have `redact` mask so many seconds of the chosen videos, from one folder into another, and say what it took.

    If a codec crashes in it, the `journal` has the videos.
    """
    sources = {Path(one.path) for one, _ in chosen}
    if not sources:
        return []
    async with OwnThread(partial(TemporaryDirectory, prefix="faceblur-"), "sample") as own:
        folder, out = Path(own.object.name, "in"), Path(own.object.name, "out")
        for source in sources:
            journal.write("begun", source)
        excerpts = await own.call(_write_excerpts, chosen, folder, seconds, own.stop)
        samples = list(_measured(excerpts, await redact(folder, out))) if excerpts else []
        for source in sources:
            journal.write("ended", source)
    return samples


def _write_excerpts(
    chosen: Sequence[tuple[Probe, float]], folder: Path, seconds: float, stop: threading.Event
) -> dict[Path, Probe]:
    """Write the chosen parts into a folder. What cannot be copied is not sampled. `stop` ends it early."""
    excerpts = {}
    folder.mkdir()
    for number, (one, at) in enumerate(chosen):
        if stop.is_set():
            break
        try:
            excerpts[write_excerpt(Path(one.path), folder / str(number), at=at, seconds=seconds)] = one
        except MediaError as error:
            log.warning("%s", error)
    return excerpts


def _measured(excerpts: dict[Path, Probe], report: Report) -> Iterator[SpeedSample]:
    """What the redaction of the excerpts took."""
    for path, one in excerpts.items():
        done = report.files.get(path)
        if done is None or done.state != "done" or not done.frames:
            log.warning("%s: not sampled: %s", one.path, done.reason if done is not None else "it was not begun")
            continue
        yield _sample(path, one, done)


def _sample(excerpt: Path, one: Probe, done: FileReport) -> SpeedSample:
    megapixels = done.frames * one.width * one.height / 1e6
    spent = dict(done.stage_seconds)
    own = (stage for stage in spent if not stage.startswith("function: ") and stage not in ON_THE_WAY)
    driver = sum(spent[stage] for stage in own)
    assert done.target is not None
    written = [path for path in (done.target, sidecar_path(done.target)) if path.exists()]
    return SpeedSample(
        path=one.path,
        frames=done.frames,
        wall=done.seconds / megapixels,
        driver=driver / megapixels,
        function=done.function_seconds / megapixels,
        grows=sum(path.stat().st_size for path in written) / excerpt.stat().st_size,
        searched=done.searched / done.frames,
        device=done.device,
    )
