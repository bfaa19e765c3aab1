"""What a job asks of the function, as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from faceblur.detection.concurrency_limit import ConcurrencyLimit
from faceblur.detection.request_statistics import RequestStatistics
from faceblur.jobs.bottleneck import Stage


@dataclass(frozen=True, slots=True)
class FunctionLoad:
    """What a job asks of the function. `awaited` is the time that its videos waited for each stage, in seconds."""

    statistics: RequestStatistics
    limit: ConcurrencyLimit
    awaited: Mapping[Stage, float]
