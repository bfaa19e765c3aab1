"""Gives outputs their names by leave of the ledger, and finishes or removes what other attempts left."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from faceblur.base.atomic_files import publish, temporary_path
from faceblur.fleet.patience import until_answered
from faceblur.ledger.claims import Claim, Lost
from faceblur.ledger.database import Database
from faceblur.ledger.endings import begin_publish
from faceblur.media.preview_writer import preview_path
from faceblur.redaction.sidecar_files import identify, sidecar_path

log = logging.getLogger("faceblur")


class LedgerPublication:
    """An output gets its name if the ledger still knows the attempt."""

    def __init__(self, database: Database, claim: Claim) -> None:
        self._database, self._claim = database, claim
        self.tag = claim.tag
        self.refused = False

    async def begin(self, files: Sequence[Path]) -> None:
        """Raises CancelledError if another worker took over, or the job was cancelled: the output is not wanted."""
        size, digest = files[0].stat().st_size, await asyncio.to_thread(digest_of, files)
        if not await until_answered(lambda: begin_publish(self._database, self._claim, size, digest)):
            self.refused = True
            raise asyncio.CancelledError


def digest_of(files: Sequence[Path]) -> str:
    """What tells a complete output from any other: a digest of the size and both ends of each file. Raises OSError."""
    found = [identify(path, None) for path in files]
    ends = [f"{one.bytes} {one.sha256_first_mib} {one.sha256_last_mib}" for one in found]
    return hashlib.sha256("\n".join(ends).encode()).hexdigest()


def finish_publishing(claim: Claim) -> bool:
    """Give the complete files of a claim that is recovered their names, as far as they have not got them.

    False: they are not what was complete. None gets a name, and what the attempt left is removed. Raises OSError.
    """
    paths = _output_of(claim.target, with_sidecar=claim.settings.get("sidecar", True))
    temporaries = {path: temporary_path(path, claim.tag) for path in paths}
    waiting = [path for path in paths if temporaries[path].exists()]
    found = [temporaries[path] if path in waiting else path for path in paths]
    preview, has_preview = preview_path(claim.target), claim.settings.get("preview", False)
    drawn = temporary_path(preview, claim.tag)
    is_drawn = not has_preview or drawn.is_file() or preview.is_file()
    if not is_drawn or not all(path.is_file() for path in found) or digest_of(found) != claim.output_digest:
        remove_attempt(Lost(claim.target, claim.tag))
        return False
    if has_preview and drawn.is_file():
        publish(drawn, preview)
    for path in reversed(waiting):  # the sidecar first, as in the attempt itself
        publish(temporaries[path], path)
    # Those of an earlier output.
    if len(paths) == 1:
        sidecar_path(claim.target).unlink(missing_ok=True)
    if not has_preview:
        preview.unlink(missing_ok=True)
    return True


def remove_attempt(lost: Lost) -> None:
    """Remove what an attempt left whose worker stopped. If it still runs, it will not be allowed to publish.

    What cannot be removed, as on a share that is away, stays: it is no reason not to work.
    """
    paths = [*_output_of(lost.target, with_sidecar=True), preview_path(lost.target)]
    for path in (temporary_path(path, lost.tag) for path in paths):
        try:
            if os.path.lexists(path):
                path.unlink(missing_ok=True)
                log.info("removed %s, left by a worker that stopped", path)
        except OSError as error:
            log.warning("%s, left by a worker that stopped, cannot be removed: %s", path, error.strerror)


def _output_of(target: Path, *, with_sidecar: bool) -> list[Path]:
    return [target, sidecar_path(target)] if with_sidecar else [target]
