"""The Nuclio entry points: `init_context` loads the model, `handler` answers one HTTP request.

No exception leaves the handler, since the platform would send its traceback to the caller. Wrong input is a 4xx with a
JSON error; a defect of ours is a 500 with an id under which the log has the traceback. No picture is ever logged.
"""

from __future__ import annotations

import time
import traceback
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from faceblur_function import __version__, cvat, wire
from faceblur_function.detectors.detector import Detector, DetectorError, Faces, detect_all_sizes, load_detector
from faceblur_function.masks import redact, regions
from faceblur_function.settings import Settings

# Frames of one request are decoded, searched and encoded in groups of this size, which bounds the memory of a request.
GROUP_MEGAPIXELS = 64.0
Milliseconds = dict[str, float]


class Service:
    """The loaded model and everything that a worker answers with it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        threads = settings.cpu_threads
        cv2.setNumThreads(threads)
        self.detector: Detector = load_detector(
            settings.model,
            weights=settings.weights,
            device=settings.device,
            detect_size=settings.detect_size,
            threads=threads,
        )
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="codec")
        self.detector.detect([np.zeros((64, 64, 3), np.uint8)], threshold=0.5)

    def info(self) -> str:
        """The answer to `GET /`."""
        info = wire.Info(
            version=wire.VERSION,
            model=self.detector.name,
            device=self.detector.device,
            weights_sha256=self.detector.weights_sha256,
            provider=self.detector.provider,
            threads=self.settings.cpu_threads,
            function=__version__,
            digests=True,
            runtime=self.detector.status(),
            limits=self.settings.limits,
        )
        return info.model_dump_json()

    def batch(self, request: wire.Request) -> str:
        """Redact a batch, or only find its faces."""
        contents = [wire.decode_base64(text, frame=index) for index, text in enumerate(request.frames)]
        redacted, faces, timings = self._run(contents, request, draw=request.return_ == "frames")
        returned = [wire.encode_base64(content) for content in redacted]
        digests = [
            wire.digest(sent, returned[index] if returned else "", faces[index])
            for index, sent in enumerate(request.frames)
        ]
        reply = wire.Reply(
            version=wire.VERSION,
            model=self.detector.name,
            device=self.detector.device,
            frames=returned or None,
            faces=faces,
            digests=digests,
            timings_ms=timings,
        )
        return reply.model_dump_json(exclude_none=True)

    def image(self, content: bytes, options: wire.Options) -> bytes:
        """Redact one encoded image."""
        redacted, _, _ = self._run([content], options, draw=True)
        return redacted[0]

    def annotate(self, body: dict[str, Any]) -> str:
        """CVAT's rectangles for one image."""
        request = cvat.parse_cvat(body)
        threshold = self.settings.threshold if request.threshold is None else request.threshold
        content = wire.decode_base64(request.image)
        _, faces, _ = self._run([content], wire.Options(threshold=threshold), draw=False)
        return cvat.rectangles(faces[0])

    def _run(
        self, contents: Sequence[bytes], options: wire.Options, *, draw: bool
    ) -> tuple[list[bytes], list[list[wire.Face]], Milliseconds]:
        if "threshold" not in options.model_fields_set:
            options = options.model_copy(update={"threshold": self.settings.threshold})
        sizes = wire.check_images(contents, self.settings.limits)
        timings: Milliseconds = dict.fromkeys(("decode", "detect", "redact", "encode"), 0.0)
        redacted: list[bytes] = []
        faces: list[list[wire.Face]] = []
        for group in _groups(sizes):
            with _timed(timings, "decode"):
                decoding = [self._pool.submit(wire.decode_image, contents[index], frame=index) for index in group]
                frames = [future.result() for future in decoding]
            with _timed(timings, "detect"):
                found = detect_all_sizes(self.detector, frames, threshold=options.listed_from)
            listed = [_listed(one) for one in found]
            faces += listed
            if not draw:
                continue
            with _timed(timings, "redact"):
                for frame, its_faces in zip(frames, listed, strict=True):
                    _cover(frame, its_faces, options)
            with _timed(timings, "encode"):
                encoding = [
                    self._pool.submit(wire.encode_image, frame, options.format, options.quality) for frame in frames
                ]
                redacted += [future.result() for future in encoding]
        return redacted, faces, timings


@contextmanager
def _timed(timings: Milliseconds, stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[stage] += round((time.perf_counter() - start) * 1000, 3)


def _groups(sizes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Split the indices of frames of these sizes into groups of at most GROUP_MEGAPIXELS, or of one frame."""
    group: list[int] = []
    pixels = 0
    for index, (width, height) in enumerate(sizes):
        if group and pixels + width * height > GROUP_MEGAPIXELS * 1e6:
            yield group
            group, pixels = [], 0
        group.append(index)
        pixels += width * height
    yield group


def _listed(faces: Faces) -> list[wire.Face]:
    """Faces as they go over the wire; what is redacted is computed from these rounded numbers."""
    rows = zip(
        np.round(faces.xyxy.astype(float), 2).tolist(),
        np.round(faces.scores.astype(float), 4).tolist(),
        np.round(faces.landmarks.astype(float), 2).tolist(),
        strict=True,
    )
    return [
        wire.Face(box=tuple(box), score=score, landmarks=[tuple(point) for point in points])
        for box, score, points in rows
    ]


def _cover(frame: wire.Frame, faces: Sequence[wire.Face], options: wire.Options) -> None:
    boxes = [face.box for face in faces if face.score >= options.threshold]
    redact(frame, regions(boxes, options.padding), options.style)


def init_context(context: Any) -> None:
    """Load and warm the model. A model that cannot be loaded ends the process with one line."""
    try:
        service = Service(Settings.from_environment())
    except DetectorError as error:
        # Not an exception with a traceback: the wrapper prints this line and exits with 1, and the deploy shows it.
        raise SystemExit(f"faceblur cannot start: {error}") from None
    context.user_data.service = service
    context.logger.info_with(
        "model loaded",
        model=service.detector.name,
        weights_sha256=service.detector.weights_sha256,
        provider=service.detector.provider,
        device=service.detector.device,
        threads=service.settings.cpu_threads,
        **service.detector.status(),
    )


def handler(context: Any, event: Any) -> Any:
    """Answer one request: `GET /`, a batch, one image, or CVAT's form."""
    try:
        body, content_type = _answer(context.user_data.service, event)
        return context.Response(body=body, headers={}, content_type=content_type, status_code=200)
    except wire.WireError as error:
        return context.Response(
            body=error.to_json(), headers={}, content_type="application/json", status_code=error.status
        )
    except Exception:
        error_id = uuid.uuid4().hex[:12]
        context.logger.error_with("request failed", id=error_id, traceback=traceback.format_exc())
        failure = wire.WireError("internal", f"a defect of the function; its log has the details under {error_id}")
        return context.Response(body=failure.to_json(), headers={}, content_type="application/json", status_code=500)


def _answer(service: Service, event: Any) -> tuple[str | bytes, str]:
    if (event.path or "/") != "/":
        raise wire.WireError("not_found", "the function answers GET / and POST / only", status=404)
    if event.method == "GET":
        return service.info(), "application/json"
    if event.method != "POST":
        raise wire.WireError("method_not_allowed", "use GET / or POST /", status=405)
    if wire.looks_like_image(event.body) or str(event.content_type).startswith("image/"):
        options = wire.parse_options(event.fields)
        return service.image(event.body or b"", options), f"image/{options.format}"
    body = wire.parse_json(event.body)
    if cvat.is_cvat(body):
        return service.annotate(body), "application/json"
    return service.batch(wire.parse_request(body)), "application/json"
