"""How long each stage of the function takes for one batch, and how many operations the network takes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from faceblur_function import wire
from faceblur_function.detectors.detector import Frame
from faceblur_function.detectors.retinaface_torch import RetinaFaceTorch, faces_in_frame
from faceblur_function.detectors.scaling import fit, small_copy
from faceblur_function.detectors.second_pass import COPY_SIZE, LARGE_FRAME
from faceblur_function.images import decode_image, encode_image
from faceblur_function.service import Service, redact_faces, to_wire

STAGES = ("JSON", "base64", "JPEG decode", "upload", "network", "NMS", "2nd pass", "redact", "JPEG encode")


def measure(service: Service, body: bytes, batch: int, repeats: int) -> dict[str, float]:
    """The median milliseconds of each of STAGES per frame of this request of `batch` frames, after one warm-up."""
    rounds = [_round(service, body, batch) for _ in range(repeats + 1)][1:]
    return {stage: float(np.median([one[stage] for one in rounds])) for stage in rounds[0]}


def _round(service: Service, body: bytes, batch: int) -> dict[str, float]:
    spent: dict[str, float] = {}

    def timed(stage: str, work: Callable[..., Any]) -> Any:
        wait(service.settings.device)
        start = time.perf_counter()
        result = work()
        wait(service.settings.device)
        spent[stage] = spent.get(stage, 0) + (time.perf_counter() - start) * 1000 / batch
        return result

    detector, pool = service.detector, service._pool
    request = timed("JSON", lambda: wire.parse_request(wire.parse_json(body)))
    threshold = request.threshold
    contents = timed("base64", lambda: [wire.decode_base64(text) for text in request.frames])
    frames = timed("JPEG decode", lambda: list(pool.map(decode_image, contents)))
    if isinstance(detector, RetinaFaceTorch):
        detected = _by_parts(detector, frames, threshold, timed)
    else:
        detected = timed("network", lambda: detector.detect(frames, threshold=threshold))
    if max(frames[0].shape[:2]) >= LARGE_FRAME:
        timed(
            "2nd pass",
            lambda: detector.detect([small_copy(frame, COPY_SIZE) for frame in frames], threshold=threshold),
        )
    faces = [to_wire(one) for one in detected]
    timed("redact", lambda: list(pool.map(redact_faces, frames, faces, itertools.repeat(request))))
    encoded = timed("JPEG encode", lambda: list(pool.map(lambda frame: encode_image(frame, "jpeg", 95), frames)))
    returned = timed("base64", lambda: [wire.encode_base64(content) for content in encoded])
    reply = wire.Reply(version=1, model="", device="", faces=faces, timings_ms={}, frames=returned)
    timed("JSON", lambda: reply.model_dump_json(exclude_none=True))
    return spent


def _by_parts(detector: RetinaFaceTorch, frames: list[Frame], threshold: float, timed: Any) -> list[Any]:
    """What `detect` does with frames of one size, stage by stage."""
    inputs = timed("upload", lambda: [fit(frame, detector.detect_size, cv2.INTER_LINEAR) for frame in frames])
    height, width = inputs[0].shape[:2]
    step = max(1, detector._run_pixels // (width * height))
    rows = []
    for start in range(0, len(inputs), step):
        batch = inputs[start : start + step]
        pixels = timed("upload", lambda batch=batch: detector.upload(batch))
        outputs = timed("network", lambda pixels=pixels: detector.forward(pixels))
        rows += timed("NMS", lambda outputs=outputs: detector.postprocess(outputs, (width, height), threshold))
    return [faces_in_frame(its, (width, height), frame) for its, frame in zip(rows, frames, strict=True)]


def wait(device: str) -> None:
    """Until the GPU has done what it was given, so that its time counts where it was caused."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def network_gflop(detector: RetinaFaceTorch, size_wh: tuple[int, int]) -> float:
    """The network's arithmetic for one frame of this size, in 1e9 operations (a multiply-add is two)."""
    frame = fit(np.zeros((size_wh[1], size_wh[0], 3), np.uint8), detector.detect_size)
    counter = FlopCounterMode(display=False)
    with counter:
        detector.forward(detector.upload([frame]))
    return counter.get_total_flops() / 1e9


def device_gflops(device: str, precision: str) -> float:
    """What a large matrix product reaches on this device in this precision, in 1e9 operations a second."""
    side = 8192 if device.startswith("cuda") else 2048
    # Random numbers: a GPU multiplies ones faster.
    matrix = torch.rand(side, side, device=device).to(getattr(torch, precision))
    best = 0.0
    for _ in range(20):
        wait(device)
        start = time.perf_counter()
        matrix @ matrix
        wait(device)
        best = max(best, 2 * side**3 / (time.perf_counter() - start) / 1e9)
    return best
