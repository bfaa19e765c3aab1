"""A worker's figures for Prometheus, made of its events. No figure names a file or a person.

Names and units follow Prometheus' conventions: base units, `_total` for counters.
https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from typing import Self, get_args

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)

from faceblur.base.errors import UsageError
from faceblur.base.events import (
    Event,
    FileEnded,
    FramesMasked,
    FramesRead,
    FunctionConnected,
    GapsMasked,
    MaskedState,
    PositionEntered,
    PositionLeft,
    ReplyReceived,
    TimeSpent,
)
from faceblur_function import __version__

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which no query of ours needs

REPLY_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
VIDEO_SECONDS = (1, 10, 60, 300, 1800, 7200, 36000)


class Metrics:
    """Takes every event of a job. Its figures are in `registry`."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"faceblur_{name}", text, labels, registry=registry)

        self._finished = counter("jobs_finished", "Videos that ended on this worker.", "kind", "outcome")
        self._frames = counter("frames", "Frames that were read, searched and masked.", "action")
        self._faces = counter("faces", "Faces that were masked, frame by frame.", "state")
        # A series that begins with its first event has no increase by it: an alert would miss the first failure.
        for outcome in ("done", "failed", "not done"):
            self._finished.labels("video", outcome)
        for action in ("read", "searched", "masked"):
            self._frames.labels(action)
        for state in get_args(MaskedState):
            self._faces.labels(state)
        self._stages = counter("stage_seconds", "Time of threads and requests, by stage.", "stage")
        self._reply = Histogram(
            "faceblur_request_duration_seconds",
            "From a batch's request to its checked reply.",
            buckets=REPLY_SECONDS,
            registry=registry,
        )
        self._video = Histogram(
            "faceblur_video_duration_seconds",
            "From the start of a video to its complete output.",
            buckets=VIDEO_SECONDS,
            registry=registry,
        )
        self._batches = Gauge("faceblur_batches", "Batches in each position now.", ["position"], registry=registry)
        self._success = Gauge(
            "faceblur_last_success_timestamp_seconds", "When the last output was complete.", registry=registry
        )
        self._build = Gauge(
            "faceblur_build_info",
            "The version, and what the function runs.",
            ["version", "model", "device"],
            registry=registry,
        )

    def __call__(self, event: Event) -> None:
        match event:
            case FunctionConnected(model=model, device=device):
                self._build.labels(__version__, model, device).set(1)
            case PositionEntered(position=position):
                self._batches.labels(position).inc()
            case PositionLeft(position=position):
                self._batches.labels(position).dec()
            case TimeSpent(stage=stage, seconds=seconds):
                self._stages.labels(stage).inc(seconds)
            case FramesRead(frames=frames):
                self._frames.labels("read").inc(frames)
            case FramesMasked(frames=frames, faces=faces):
                self._frames.labels("masked").inc(frames)
                self._faces.labels("detected").inc(faces)
            case GapsMasked(faces=faces, state=state):
                self._faces.labels(state).inc(faces)
            case ReplyReceived():
                self._take_reply(event)
            case FileEnded():
                self._end(event)

    def _take_reply(self, reply: ReplyReceived) -> None:
        self._frames.labels("searched").inc(reply.frames)
        self._reply.observe(sum(reply.timings_ms.values()) / 1000)
        for stage, seconds in reply.stage_seconds().items():
            self._stages.labels(stage).inc(seconds)

    def _end(self, ended: FileEnded) -> None:
        self._finished.labels("video", ended.state).inc()
        if ended.state == "done":
            self._video.observe(ended.seconds)
            self._success.set_to_current_time()


class MetricsServer:
    """Serves a registry's figures at `http://HOST:PORT/metrics` from a thread. A context manager."""

    def __init__(self, port: int, registry: CollectorRegistry = REGISTRY, host: str = "0.0.0.0") -> None:
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            raise UsageError(f"port {port} for the metrics: {error.strerror}") from error
        self.port = int(self._server.server_port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
