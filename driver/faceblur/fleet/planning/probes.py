"""Every file of the inputs, probed in parallel; what was found is kept, so that the next look takes no time."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

from faceblur.base.atomic_files import write_complete
from faceblur.base.options import Options
from faceblur.fleet.planning.archive_facts import Probe
from faceblur.fleet.planning.probe import probe
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import walk
from faceblur.jobs.video_suffixes import VIDEO_SUFFIXES
from faceblur_function import __version__

log = logging.getLogger("faceblur")
THREADS = 16  # a share answers many requests at a time; FFmpeg waits without Python's lock
MAX_KEPT = 200_000  # probes: about 60 MB


class ProbeCache:
    """Probes by file, size, time of change and options, in a file of this user's. It only saves time."""

    def __init__(self, options: Options) -> None:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        self._path = Path(cache, "faceblur", "probes.json")
        self._settings = repr((__version__, options.encoder, options.keep_location, options.tolerate_damage))
        self._kept: dict[str, list[Any]] = {}
        try:
            self._kept = json.loads(self._path.read_bytes())
        except (OSError, ValueError) as error:
            log.debug("no probes are kept in %s: %s", self._path, error)

    def _mark(self, path: Path) -> str:
        found = path.stat()
        return f"{found.st_size} {found.st_mtime_ns} {self._settings}"

    def get(self, path: Path) -> Probe | None:
        try:
            mark, fields = self._kept[str(path.resolve())]
            if mark != self._mark(path):
                return None
            fields = fields | {name: tuple(fields[name]) for name in ("left_out", "notes")}
            return Probe(**fields | {"path": str(path)})
        except (OSError, TypeError, ValueError, KeyError):
            return None

    def put(self, path: Path, found: Probe) -> None:
        try:
            self._kept[str(path.resolve())] = [self._mark(path), dataclasses.asdict(found)]
        except OSError as error:
            log.debug("%s: %s", path, error)

    def save(self) -> None:
        kept = dict(list(self._kept.items())[-MAX_KEPT:])
        try:
            write_complete(self._path, json.dumps(kept).encode("utf-8", "surrogateescape"))
        except OSError as error:
            log.info("%s: cannot be written: %s", self._path, error.strerror)


def probe_all(
    inputs: Sequence[Path],
    options: Options,
    journal: Journal,
    on_probe: Callable[[int, int], None],
    stop: threading.Event,
) -> list[Probe]:
    """Probe every file of the inputs; `on_probe` gets how many are done, of how many. `stop` ends it early.

    `journal` has the files that crashed a codec before: those are not opened, or opened alone. Raises UsageError.
    """
    broken: list[tuple[Path, str]] = []
    paths = {path.resolve(): path for path, _, _ in walk(inputs, VIDEO_SUFFIXES, broken, stop)}
    cache = ProbeCache(options)
    found = {path: _given_up(path, journal) or cache.get(path) for path in paths.values()}
    missing = [path for path, one in found.items() if one is None]
    alone = [path for path in missing if path in journal.suspects]
    rest = [path for path in missing if path not in journal.suspects]

    def look(path: Path) -> Probe | None:
        if stop.is_set():
            return None
        with journal.at_work(path):
            return probe(path, options)

    try:
        with ThreadPoolExecutor(THREADS, "probe") as threads:
            probes = chain(zip(alone, map(look, alone), strict=True), zip(rest, threads.map(look, rest), strict=True))
            for count, (path, one) in enumerate(probes, 1):
                found[path] = one
                if one is not None:
                    cache.put(path, one)
                    on_probe(count, len(missing))
    finally:
        cache.save()
    unreadable = [Probe(str(path), 0, fails=reason) for path, reason in broken]
    return [*(one for one in found.values() if one is not None), *unreadable]


def _given_up(path: Path, journal: Journal) -> Probe | None:
    reason = journal.given_up.get(path)
    return None if reason is None else Probe(str(path), 0, fails=reason)
