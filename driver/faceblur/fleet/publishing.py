"""Gives outputs their names by leave of the ledger, and finishes or removes what other attempts left."""

from __future__ import annotations

import asyncio
from pathlib import Path

from faceblur.base.atomic_files import publish, temporary_path
from faceblur.fleet.patience import until_answered
from faceblur.ledger.claims import Claim, Lost
from faceblur.ledger.database import Database
from faceblur.ledger.endings import begin_publish
from faceblur.redaction.sidecar_files import sidecar_path


class LedgerPublication:
    """An output gets its name if the ledger still knows the attempt."""

    def __init__(self, database: Database, claim: Claim) -> None:
        self._database, self._claim = database, claim
        self.tag = claim.tag
        self.refused = False

    async def begin(self, video_bytes: int) -> None:
        """Raises CancelledError if another worker took over, or the job was cancelled: the output is not wanted."""
        if not await until_answered(lambda: begin_publish(self._database, self._claim, video_bytes)):
            self.refused = True
            raise asyncio.CancelledError


def finish_publishing(claim: Claim) -> bool:
    """Give the complete files of a claim that is recovered their names, as far as they have not got them.

    False: the files are gone. Raises OSError.
    """
    for path in (sidecar_path(claim.target), claim.target):
        temporary = temporary_path(path, claim.tag)
        if temporary.exists():
            publish(temporary, path)
    return claim.target.is_file() and claim.target.stat().st_size == claim.output_bytes


def remove_attempt(lost: Lost) -> list[Path]:
    """Remove what an attempt left whose worker stopped. If it still runs, it will not be allowed to publish."""
    temporaries = [temporary_path(path, lost.tag) for path in (sidecar_path(lost.target), lost.target)]
    removed = [path for path in temporaries if path.exists()]
    for path in removed:
        path.unlink(missing_ok=True)
    return removed
