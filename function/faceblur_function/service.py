"""Answers a worker's requests with the loaded detectors. The steps of a batch: decode, detect, redact, encode.

Nothing of an image is ever logged.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from faceblur_function import __version__, cvat, images, self_check, wire
from faceblur_function.defaults import MAX_FACES
from faceblur_function.detectors.closer_look import PICTURE_WH
from faceblur_function.detectors.dark_frames import brightened
from faceblur_function.detectors.detector import Detector, DetectorError, Faces, Frame
from faceblur_function.detectors.load import load_detector, load_verifier
from faceblur_function.detectors.second_pass import detect_all_sizes
from faceblur_function.detectors.small_frames import with_small_faces
from faceblur_function.detectors.verification import verify
from faceblur_function.mask_shapes import regions
from faceblur_function.settings import Settings
from faceblur_function.styles import redact

# Frames of one request are decoded, searched and encoded in groups of this size, which bounds the memory of a request.
GROUP_MEGAPIXELS = 64.0
Milliseconds = dict[str, float]


class Service:
    """The loaded detector and every answer that a worker gives with it. Raises DetectorError when it cannot load."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.limits = wire.Limits(max_bytes=settings.max_bytes, max_megapixels=settings.max_megapixels)
        threads = settings.cpu_threads
        cv2.setNumThreads(threads)
        self.detector: Detector = load_detector(
            settings.model,
            weights=settings.weights,
            device=settings.device,
            detect_size=settings.detect_size,
            threads=threads,
        )
        self.verifier, self.verifier_error = None, ""
        try:
            self.verifier = load_verifier(
                self.detector, weights=settings.weights, threads=threads, detect_size=settings.detect_size
            )
        except DetectorError as error:  # without it everything that is doubtful stays masked
            self.verifier_error = str(error)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="codec")
        # The first frame of each size takes long: closer looks need this one.
        width, height = (64, 64) if self.detector.suspicion is None else PICTURE_WH
        self.detector.detect([np.zeros((height, width, 3), np.uint8)], threshold=0.5)

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
            verifier=self.verifier.name if self.verifier else "",
            detect_size=self.settings.detect_size,
            runtime=self.detector.status(),
            limits=self.limits,
        )
        return info.model_dump_json()

    def check(self) -> wire.Check:
        """The answer to `GET /check`: the built-in image, redacted with what is loaded. It costs one frame."""
        start, options = time.perf_counter(), wire.RequestOptions(format="png")
        content = self_check.IMAGE.read_bytes()
        redacted, faces, _ = self._run([content], options, redacting=True)
        return self_check.verdict(
            images.decode_image(content),
            images.decode_image(redacted[0]),
            faces[0],
            padding=options.padding,
            model=self.detector.name,
            device=self.detector.device,
            ms=(time.perf_counter() - start) * 1000,
        )

    def batch(self, request: wire.Request) -> str:
        """The reply to a batch, as JSON: its faces, and its redacted frames if it asks for them. Raises WireError."""
        contents = [wire.decode_base64(text, frame=index) for index, text in enumerate(request.frames)]
        detector = self._verifier(request) if request.verify else self.detector
        redacted, faces, timings = self._run(
            contents, request, redacting=request.return_ == "frames", verifying=request.verify
        )
        returned = [wire.encode_base64(content) for content in redacted]
        digests = [
            wire.digest(sent, returned[index] if returned else "", faces[index])
            for index, sent in enumerate(request.frames)
        ]
        reply = wire.Reply(
            version=wire.VERSION,
            model=detector.name,
            device=detector.device,
            frames=returned or None,
            faces=faces,
            digests=digests,
            timings_ms=timings,
        )
        return reply.model_dump_json(exclude_none=True)

    def _verifier(self, request: wire.Request) -> Detector:
        """The second detector. Raises WireError where there is none, or where a request cannot ask for it."""
        if self.verifier is None:
            raise wire.WireError("bad_request", "verify: this function has no second detector")
        if request.return_ != "faces":
            raise wire.WireError("bad_request", 'verify: nothing is redacted, so "return" has to be "faces"')
        return self.verifier

    def image(self, content: bytes, options: wire.RequestOptions) -> bytes:
        """Redact one encoded image; the result is encoded as the options say. Raises WireError."""
        redacted, _, _ = self._run([content], options, redacting=True)
        return redacted[0]

    def annotate(self, body: dict[str, Any]) -> str:
        """The answer to CVAT's request: its list of rectangles, as JSON. Raises WireError."""
        request = cvat.parse_cvat(body)
        threshold = self.settings.threshold if request.threshold is None else request.threshold
        content = wire.decode_base64(request.image)
        options = wire.RequestOptions(threshold=threshold)
        _, faces, _ = self._run([content], options, redacting=False, formats=images.CVAT_FORMATS)
        return cvat.rectangles(faces[0])

    def _run(
        self,
        contents: Sequence[bytes],
        options: wire.RequestOptions,
        *,
        redacting: bool,
        verifying: bool = False,
        formats: tuple[str, ...] = images.FORMATS,
    ) -> tuple[list[bytes], list[list[wire.Face]], Milliseconds]:
        """The redacted images (none unless `redacting`), each frame's faces, and the time of each stage."""
        if "threshold" not in options.model_fields_set:
            options = options.model_copy(update={"threshold": self.settings.threshold})
        limits = self.limits
        sizes = images.check_images(
            contents, max_bytes=limits.max_bytes, max_megapixels=limits.max_megapixels, formats=formats
        )
        if verifying:
            check_squares(sizes)
        timings: Milliseconds = dict.fromkeys(("decode", "detect", "redact", "encode"), 0.0)
        redacted: list[bytes] = []
        faces: list[list[wire.Face]] = []
        for group in _groups(sizes):
            with _timed(timings, "decode"):
                decoding = [
                    self._pool.submit(images.decode_image, contents[index], frame=index, formats=formats)
                    for index in group
                ]
                frames = [future.result() for future in decoding]
            with _timed(timings, "detect"):
                seen = [brightened(frame) for frame in frames]
                if verifying and self.verifier is not None:
                    detected = verify(self.verifier, seen, threshold=options.listed_from)
                else:
                    detected = detect_all_sizes(self.detector, seen, threshold=options.listed_from)
                    if self.verifier is not None and not options.alone:
                        detected = with_small_faces(self.verifier, seen, detected, threshold=options.listed_from)
            listed = [to_wire(one) for one in detected]
            for index, its_faces in zip(group, listed, strict=True):
                limit_faces(its_faces, options.threshold, index)
            faces += listed
            if not redacting:
                continue
            with _timed(timings, "redact"):
                list(self._pool.map(redact_faces, frames, listed, itertools.repeat(options)))
            with _timed(timings, "encode"):
                encoding = [
                    self._pool.submit(images.encode_image, frame, options.format, options.quality) for frame in frames
                ]
                redacted += [future.result() for future in encoding]
        return redacted, faces, timings


@contextmanager
def _timed(timings: Milliseconds, stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[stage] += round((time.perf_counter() - start) * 1000, 3)


def _groups(sizes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """The indices of frames of these sizes (width, height), in groups of at most GROUP_MEGAPIXELS, or of one frame."""
    group: list[int] = []
    pixels = 0
    for index, (width, height) in enumerate(sizes):
        if group and pixels + width * height > GROUP_MEGAPIXELS * 1e6:
            yield group
            group, pixels = [], 0
        group.append(index)
        pixels += width * height
    yield group


def to_wire(faces: Faces) -> list[wire.Face]:
    """Faces as they go over the wire. The regions to redact are computed from these rounded numbers.

    A box that is empty, since it lay outside of the frame, is left out: nothing would be redacted.
    """
    rows = zip(
        np.round(faces.xyxy.astype(float), 2).tolist(),
        np.round(faces.scores.astype(float), 4).tolist(),
        np.round(faces.landmarks.astype(float), 2).tolist(),
        strict=True,
    )
    return [
        wire.Face(box=tuple(box), score=score, landmarks=[tuple(point) for point in points])
        for box, score, points in rows
        if box[0] < box[2] and box[1] < box[3]
    ]


def check_squares(sizes: Sequence[tuple[int, int]]) -> None:
    """Raises WireError for a crop of this size (width, height) that is no square."""
    for index, (width, height) in enumerate(sizes):
        if width != height:
            message = f"frame {index}: a crop to verify is a square, not {width}x{height}"
            raise wire.WireError("bad_image", message, frame=index)


def limit_faces(faces: list[wire.Face], threshold: float, frame: int) -> None:
    """Keep the MAX_FACES best faces of a frame, in place. Raises WireError where one that is redacted would go."""
    if len(faces) <= MAX_FACES:
        return
    faces.sort(key=lambda face: -face.score)
    if faces[MAX_FACES].score >= threshold:
        raise wire.WireError("too_many_faces", f"frame {frame}: more than {MAX_FACES} faces", frame=frame)
    del faces[MAX_FACES:]


def redact_faces(frame: Frame, faces: Sequence[wire.Face], options: wire.RequestOptions) -> None:
    """Redact the faces that score at least the threshold, in place. `frame` is `(H, W, 3) uint8 BGR`."""
    boxes = [face.box for face in faces if face.score >= options.threshold]
    redact(frame, regions(boxes, options.padding), options.style)
