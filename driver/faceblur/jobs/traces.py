"""A trace of each video for an OpenTelemetry collector, made of a worker's events. Needs the extra `traces`.

All attempts at a job, on whatever machine, are in one trace: job, part (an attempt), stages. No span names a file.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from faceblur.base import work_item
from faceblur.base.errors import UsageError
from faceblur.base.events import (
    Event,
    FileEnded,
    FileStarted,
    FramesMasked,
    GapsMasked,
    ReplyReceived,
    State,
    TimeSpent,
)
from faceblur_function import __version__

log = logging.getLogger("faceblur")
SEND_SECONDS = 3.0  # for one batch of spans: a worker that is stopped does not wait longer for its collector


@dataclass(slots=True)
class StageTime:
    """A stage's first begin and last end, in ns since 1970; `busy` is its time in seconds, of all threads together."""

    begin: int
    end: int
    busy: float = 0.0


@dataclass(slots=True)
class TracedPart:
    """A video that is being redacted."""

    item: work_item.WorkItem | None
    begin: int = field(default_factory=time.time_ns)
    frames: int = 0
    faces: int = 0
    stages: dict[str, StageTime] = field(default_factory=dict)

    def spend(self, stage: str, seconds: float) -> None:
        """A stage worked for so long until now."""
        now = time.time_ns()
        spent = self.stages.setdefault(stage, StageTime(now - round(seconds * 1e9), now))
        spent.end = now
        spent.busy += seconds


class Traces:
    """Takes every event of a worker; its spans go to the collector at `url`, by OTLP over HTTP. A context manager."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"--traces {url}: no HTTP address; is http://{url} meant?")
        if not _has_host(url):
            raise UsageError(f"--traces {url}: no HTTP address: its host or port is wrong")
        self._ids = JobIds()
        resource = Resource.create({"service.name": "faceblur", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(WarningExporter(url)))
        self._tracer = self._provider.get_tracer("faceblur")
        self._parts: dict[Path, TracedPart] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case FileStarted(source=source):
                self._parts[source] = TracedPart(work_item.current.get())
            case FileEnded(source=source) if source in self._parts:
                self._end(self._parts.pop(source), event)
            case TimeSpent(source=source, stage=stage, seconds=seconds) if source in self._parts:
                self._parts[source].spend(stage, seconds)
            case ReplyReceived(source=source) if source in self._parts:
                for stage, seconds in event.stage_seconds().items():
                    self._parts[source].spend(stage, seconds)
            case FramesMasked(source=source, frames=frames, faces=faces) if source in self._parts:
                self._parts[source].frames += frames
                self._parts[source].faces += faces
            case GapsMasked(source=source, faces=faces) if source in self._parts:
                self._parts[source].faces += faces

    def _end(self, part: TracedPart, ended: FileEnded) -> None:
        item, now = part.item, time.time_ns()
        job = job_context(item) if item else None
        numbers = (
            {"faceblur.job": item.job, "faceblur.part": item.part, "faceblur.attempt": item.attempt} if item else {}
        )
        context = Context() if job is None else trace.set_span_in_context(trace.NonRecordingSpan(job), Context())
        attributes = numbers | {"faceblur.frames": part.frames, "faceblur.faces": part.faces}
        span = self._tracer.start_span("part", context, start_time=part.begin, attributes=attributes)
        span.set_attribute("faceblur.state", ended.state)
        inside = trace.set_span_in_context(span, Context())
        for name, spent in part.stages.items():
            stage = self._tracer.start_span(
                name, inside, start_time=spent.begin, attributes={"faceblur.busy_seconds": spent.busy}
            )
            stage.end(spent.end)
        if ended.state == "failed":
            span.set_status(trace.StatusCode.ERROR)
        span.end(now)
        if item and ended.state == "done":
            self._end_job(item, "done", now)

    def job_ended(self, item: work_item.WorkItem, state: State) -> None:
        """A job is over that no part of this worker ended: it is done, or failed and is not tried again."""
        self._end_job(item, state, time.time_ns())

    def _end_job(self, item: work_item.WorkItem, state: State, now: int) -> None:
        attributes = {"faceblur.job": item.job, "faceblur.state": state}
        with self._ids.of(job_context(item)):
            span = self._tracer.start_span(
                "job", Context(), start_time=round(item.created * 1e9), attributes=attributes
            )
        if state == "failed":
            span.set_status(trace.StatusCode.ERROR)
        span.end(now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._provider.shutdown()


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # no number, or none of a port
        return False


def job_context(item: work_item.WorkItem) -> trace.SpanContext:
    """The span of a job, which every worker knows without asking: its numbers are a digest of the job's key."""
    digest = hashlib.sha256(item.key.encode()).digest()
    sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    return trace.SpanContext(
        int.from_bytes(digest[:16]), int.from_bytes(digest[16:24]), is_remote=True, trace_flags=sampled
    )


class JobIds(RandomIdGenerator):
    """Random numbers for spans, but the given ones while `of` is open."""

    def __init__(self) -> None:
        self._given: trace.SpanContext | None = None

    @contextmanager
    def of(self, span: trace.SpanContext) -> Iterator[None]:
        self._given = span
        try:
            yield
        finally:
            self._given = None

    def generate_trace_id(self) -> int:
        return self._given.trace_id if self._given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return self._given.span_id if self._given else super().generate_span_id()


class WarningExporter(SpanExporter):
    """Sends spans to a collector. If it does not take them, that is said once, and the work goes on."""

    def __init__(self, url: str) -> None:
        self._url, self._warned = url, False
        self._exporter = OTLPSpanExporter(f"{url.rstrip('/')}/v1/traces", timeout=SEND_SECONDS)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS and not self._warned:
            self._warned = True
            log.warning("%s takes no traces: the work goes on without them", self._url)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
