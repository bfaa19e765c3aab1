"""The ledger's figures for Prometheus: they are read when they are asked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from faceblur.base.errors import LedgerError, UsageError
from faceblur.ledger.database import Database
from faceblur.ledger.queries import Counts, count_jobs
from faceblur.ledger.states import STATES_SHOWN

log = logging.getLogger("faceblur")


class LedgerCollector(Collector):
    """Counts the jobs of a ledger at every scrape. While it is away, or not there, `faceblur_ledger_up` is 0."""

    def __init__(self, ledger: str) -> None:
        self._ledger = ledger

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # nothing is asked before the first scrape

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            counts = asyncio.run(self._count())
        except (LedgerError, UsageError) as error:
            log.warning("%s", error)
            counts = None
        up = GaugeMetricFamily("faceblur_ledger_up", "Whether the ledger's database answers.")
        up.add_metric([], 0 if counts is None else 1)
        yield up
        if counts is None:
            return
        jobs = GaugeMetricFamily("faceblur_jobs", "Jobs by state.", labels=["state"])
        for state in STATES_SHOWN:
            jobs.add_metric([state], counts.states.get(state, 0))
        yield jobs
        frames = GaugeMetricFamily("faceblur_job_frames", "Frames of all jobs but failed ones.", labels=["part"])
        frames.add_metric(["done"], counts.frames_done)
        frames.add_metric(["total"], counts.frames_total)
        yield frames
        oldest = GaugeMetricFamily(
            "faceblur_oldest_failure_timestamp_seconds", "When the first of the failed jobs failed; 0: none did."
        )
        oldest.add_metric([], counts.oldest_failure or 0)
        yield oldest

    async def _count(self) -> Counts:
        async with Database(self._ledger, must_exist=True) as database:
            return await count_jobs(database)
