"""Asks the ledger again until it answers: what a worker has to tell it must not be lost while it is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from faceblur.base.errors import LedgerAway

log = logging.getLogger("faceblur")
RETRY_SECONDS = 2.0
Answer = TypeVar("Answer")


async def until_answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The ledger's answer, however long it takes. `ask` must be safe to repeat: an answer may have been lost."""
    warned = False
    while True:
        try:
            return await ask()
        except LedgerAway as error:
            if not warned:
                log.warning("%s; asking again until it answers", error)
                warned = True
            await asyncio.sleep(RETRY_SECONDS)
