"""How a worker uses the function, for Prometheus: read from its client when it is asked for, so that it costs nothing.

Nuclio counts a handler's error as a success, and cannot know of a reply that fails a check: both are counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from faceblur.jobs.function_load import FunctionLoad


class LoadCollector(Collector):
    """The figures of `load()`, which is None before the function answered."""

    def __init__(self, load: Callable[[], FunctionLoad | None], registry: CollectorRegistry) -> None:
        self._load = load
        registry.register(self)

    def describe(self) -> list[Metric]:
        return []  # nothing is asked before the first scrape

    def collect(self) -> Iterator[Metric]:
        if (load := self._load()) is None:
            return
        requests = CounterMetricFamily(
            "faceblur_requests", "Requests to the function, by how they ended.", labels=["outcome"]
        )
        for outcome, number in dict(load.statistics.outcomes).items():
            requests.add_metric([outcome], number)
        yield requests
        yield GaugeMetricFamily(
            "faceblur_batches_in_flight", "Batches that are with the function now.", load.limit.requests.held
        )
        yield GaugeMetricFamily(
            "faceblur_batches_waiting",
            "Batches that wait to be sent, since the function has enough to do.",
            load.limit.requests.waiting,
        )
        awaited = CounterMetricFamily(
            "faceblur_bottleneck_seconds", "Time that videos waited for each stage.", labels=["stage"]
        )
        for stage, seconds in dict(load.awaited).items():
            awaited.add_metric([stage], seconds)
        yield awaited
