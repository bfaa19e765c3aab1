"""What was detected so far, on the disk: an audit that was interrupted goes on from it.

It lies beside the output until the audit is complete. It is of one source, sidecar and set of detectors.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from faceblur.auditing.merged_detections import MergedDetection
from faceblur.base.errors import UsageError

log = logging.getLogger("faceblur")
SUFFIX = ".audit.searched.jsonl"


class Findable(Protocol):
    """What was detected in a frame of the source, and whether a new scene begins with it."""

    number: int
    cut: bool
    detections: list[MergedDetection]


class SearchJournal:
    """Keeps detections by stream and frame; `path` None: nothing. `of` says what they are of.

    A context manager. Raises UsageError where its folder cannot be written, or the disk is full.
    """

    def __init__(self, path: Path | None, of: str) -> None:
        self._path, self._of = path, of
        self._known: dict[tuple[int, int], tuple[list[MergedDetection], bool]] = {}
        self._file: IO[str] | None = None
        self._end = 0

    def __enter__(self) -> SearchJournal:
        if self._path is None:
            return self
        self._read(self._path)
        try:
            if not self._known:
                self._end = self._path.write_text(json.dumps({"of": self._of}) + "\n", encoding="utf-8")
            self._file = self._path.open("r+", encoding="utf-8")
            self._file.seek(self._end)
            self._file.truncate()
        except OSError as error:  # nor can the report at the end, which may be hours away
            if not self._known:  # of a full disk it is empty
                with suppress(OSError):
                    self._path.unlink()
            raise UsageError(
                f"{self._path}: cannot be written: {error.strerror}; the report lies beside it: copy the output and "
                "its sidecar to a folder that can be written"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def complete(self) -> None:
        """The audit is done: what was kept is not needed any more."""
        if self._file is not None and self._path is not None:
            self._file.close()
            self._file = None
            self._path.unlink(missing_ok=True)

    def restore(self, stream: int, frames: Sequence[Findable]) -> bool:
        """Set the detections of frames that were all searched before; returns whether they were."""
        if any((stream, one.number) not in self._known for one in frames):
            return False
        for one in frames:
            one.detections, one.cut = self._known.pop((stream, one.number))
        return True

    def keep(self, stream: int, frames: Sequence[Findable]) -> None:
        """Keep what was detected in frames."""
        if self._file is None:
            return
        try:
            for one in frames:
                found = [[list(each.box), each.score, each.seen] for each in one.detections]
                line = {"stream": stream, "frame": one.number, "cut": one.cut, "found": found}
                self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            log.warning("%s: cannot be written (%s): an interrupted audit begins anew", self._path, error.strerror)
            self._file = None

    def _read(self, path: Path) -> None:
        """Read what an audit of the same files kept, up to a line that was cut: the next ones go there."""
        try:
            with path.open("rb") as file:
                if json.loads(first := file.readline()) != {"of": self._of}:
                    return
                self._end = len(first)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    one = json.loads(line)
                    found = [
                        MergedDetection(
                            tuple(box), score, [(int(model), float(value), bool(crop)) for model, value, crop in seen]
                        )
                        for box, score, seen in one["found"]
                    ]
                    self._known[one["stream"], one["frame"]] = found, bool(one["cut"])
                    self._end += len(line)
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.info("%s: %s", path, error)
        if self._known:
            log.info("%s: goes on after %d frames", path, len(self._known))
