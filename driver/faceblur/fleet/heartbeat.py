"""The heartbeats of a worker, from a thread of their own: a busy event loop must not cost it its leases."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Self

from faceblur.base.errors import LedgerError, UsageError
from faceblur.ledger.claims import Answer, Progress, beat
from faceblur.ledger.database import Database

log = logging.getLogger("faceblur")
BEATS = 4  # in the time of a lease, so that some may be lost
RETRY_SECONDS = 1.0
END_SECONDS = 10.0  # for a beat that is on its way to a database that does not answer


class Heartbeat:
    """Renews the leases of the claims that `progress` lists; `on_answer` gets the ledger's answer for each part.

    Both are called on the thread. `lease` is in seconds. A context manager.
    """

    def __init__(
        self,
        ledger: str,
        progress: Callable[[], Sequence[Progress]],
        on_answer: Callable[[int, Answer], None],
        lease: float,
    ) -> None:
        self._ledger, self._progress, self._on_answer, self._lease = ledger, progress, on_answer, lease
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="heartbeat", daemon=True)

    async def _run(self) -> None:
        away = False
        while not self._stop.is_set():
            try:
                async with Database(self._ledger, must_exist=True) as database:
                    while not await asyncio.to_thread(self._stop.wait, RETRY_SECONDS if away else self._lease / BEATS):
                        await self._beat(database)
                        away = False
            except (LedgerError, UsageError) as error:
                if not away:
                    log.warning("no heartbeat: %s", error)
                away = True
                await asyncio.to_thread(self._stop.wait, RETRY_SECONDS)

    async def _beat(self, database: Database) -> None:
        if progress := self._progress():
            for part, answer in (await beat(database, progress, lease=self._lease)).items():
                self._on_answer(part, answer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # Else it is in greenlets while the interpreter is taken down, and the process crashes after all is done.
        self._thread.join(END_SECONDS)
