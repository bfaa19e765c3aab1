"""What workers and ledger export for Prometheus: every series' name, with its labels."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client import CollectorRegistry

from faceblur.base.events import (
    FileEnded,
    FramesMasked,
    FramesRead,
    FunctionConnected,
    GapsMasked,
    PositionEntered,
    ReplyReceived,
    TimeSpent,
)
from faceblur.detection.concurrency_limit import ConcurrencyLimit
from faceblur.detection.request_statistics import RequestStatistics
from faceblur.fleet.ledger_metrics import LedgerCollector
from faceblur.jobs.load_metrics import FunctionLoad, LoadCollector
from faceblur.jobs.metrics import Metrics
from faceblur.ledger.database import Database

CLIP = Path("clip.mp4")
EVENTS = (
    FunctionConnected("m", "cpu", "p"),
    FramesRead(CLIP, 10),
    PositionEntered(CLIP, "function"),
    TimeSpent(CLIP, "decode", 1.0),
    ReplyReceived(CLIP, "m", "cpu", 4, {"detect": 1500.0, "network": 500.0}),
    FramesMasked(CLIP, 10, 7),
    GapsMasked(CLIP, 1, "followed"),
    FileEnded(CLIP, "done", seconds=3.0),
)


def exported(folder: Path) -> dict[str, set[str]]:
    """The labels of every series, by its name. `folder` is for an empty ledger."""
    ledger, registry = str(folder / "figures.db"), CollectorRegistry()
    asyncio.run(_create(ledger))
    metrics = Metrics(registry)
    for event in EVENTS:
        metrics(event)
    load = FunctionLoad(RequestStatistics(), ConcurrencyLimit(4), {"decode": 1.0})
    LoadCollector(lambda: load, registry)
    registry.register(LedgerCollector(ledger))
    return {sample.name: set(sample.labels) for family in registry.collect() for sample in family.samples}


async def _create(ledger: str) -> None:
    async with Database(ledger):
        pass
