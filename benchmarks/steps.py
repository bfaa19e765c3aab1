"""What each step costs for one frame: CPU milliseconds, alone, on one thread, the lowest of a few rounds.

    python -m benchmarks.steps [--clip mine.mp4]

CPU time and not the clock's, so that it can be read on a machine that has other work too.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import cv2
from rich.console import Console
from rich.table import Table

from examples.sample_clip import astronaut, pan, write_clip
from faceblur.base.options import Options
from faceblur.detection.reply_checks import check_reply
from faceblur.detection.request_body import encode_request
from faceblur.media.frames import DecodedFrame
from faceblur.media.orientation import turned_back
from faceblur.media.reader import VideoReader
from faceblur.media.writer import VideoWriter
from faceblur.redaction.masking import mask_frame, stored_regions
from faceblur.redaction.returned_frames import verify_redacted
from faceblur.redaction.video_frame import VideoFrame
from faceblur_function import wire
from faceblur_function.detectors.load import load_detector
from faceblur_function.detectors.scaling import small_copy
from faceblur_function.detectors.second_pass import COPY_SIZE
from faceblur_function.images import decode_image, encode_image
from faceblur_function.service import redact_faces, to_wire

ROUNDS, FRAMES = 3, 24


def cpu_milliseconds(work: Callable[[], Any], frames: int) -> tuple[float, Any]:
    """CPU milliseconds of this process for `work`, per frame of `frames` frames, and its result."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        result = work()
        best = min(best, (time.process_time() - start) * 1000 / frames)
    return best, result


def read(clip: Path) -> list[DecodedFrame]:
    with VideoReader(clip) as reader:
        return [item for item in reader if isinstance(item, DecodedFrame)]


def write(clip: Path, target: Path) -> None:
    with VideoReader(clip) as reader, VideoWriter(target, reader, Options()) as writer:
        pix_fmts = writer.pix_fmts
        for item in reader:
            writer.write(item.in_format(pix_fmts[item.stream]) if isinstance(item, DecodedFrame) else item)
        writer.finish()


def measure(clip: Path, folder: Path) -> dict[str, float]:
    """CPU milliseconds a frame of each step, in the order of a frame's steps."""
    cv2.setNumThreads(1)
    costs: dict[str, float] = {}
    costs["decode"], decoded_frames = cpu_milliseconds(lambda: read(clip), len(read(clip)))
    both, _ = cpu_milliseconds(lambda: write(clip, folder / "again.mp4"), len(decoded_frames))
    frames = [VideoFrame.of(one) for one in decoded_frames[:: max(1, len(decoded_frames) // FRAMES)]]
    options = wire.RequestOptions()
    detector = load_detector("retinaface-mobilenet0.25", threads=1)

    def timed(step: str, work: Callable[[], Any]) -> Any:
        costs[step], result = cpu_milliseconds(work, len(frames))
        return result

    colours = timed("to BGR", lambda: [frame.decoded.upright() for frame in frames])
    timed("thumbnail", lambda: [frame.make_thumbnail() for frame in frames])
    images = timed("JPEG to send", lambda: [encode_image(one, "jpeg", 95) for one in colours])
    sent = timed("base64, JSON: request", lambda: encode_request(images, options, return_frames=True))
    request = timed("base64, JSON: read it", lambda: wire.parse_request(wire.parse_json(sent.body)))
    contents = timed("base64, JSON: undo it", lambda: [wire.decode_base64(text) for text in request.frames])
    decoded = timed("function: JPEG decode", lambda: [decode_image(one) for one in contents])
    detected = timed("function: detect", lambda: detector.detect(decoded, threshold=0.1))
    copies = timed("function: small copy", lambda: [small_copy(one, COPY_SIZE) for one in decoded])
    timed("function: second look", lambda: detector.detect(copies, threshold=0.1))
    faces = [[face for face in to_wire(one) if face.score >= options.threshold] for one in detected]
    timed(
        "function: redact", lambda: [redact_faces(one, its, options) for one, its in zip(decoded, faces, strict=True)]
    )
    back = timed("function: JPEG encode", lambda: [encode_image(one, "jpeg", 95) for one in decoded])

    def answer() -> bytes:
        texts = [wire.encode_base64(one) for one in back]
        digests = [wire.digest(*one) for one in zip(sent.texts, texts, faces, strict=True)]
        reply = wire.Reply(version=1, model="", device="", faces=faces, timings_ms={}, frames=texts, digests=digests)
        return reply.model_dump_json(exclude_none=True).encode()

    content = timed("base64, JSON: answer", answer)
    checked = timed(
        "base64, JSON: check it", lambda: check_reply(content, sent, return_frames=True, require_digests=True)
    )
    returned = timed("JPEG of the answer", lambda: [decode_image(one) for one in checked.frames])
    boxes = [[face.box for face in its] for its in faces]
    clear = [
        (one, turned_back(image, one.orientation), stored_regions(one, its, options.padding))
        for one, image, its in zip([frame.decoded for frame in frames], returned, boxes, strict=True)
    ]
    timed("check its faces", lambda: [verify_redacted(*one, options.style) for one in clear])
    timed(
        "mask",
        lambda: [
            mask_frame(frame.decoded, its, style=options.style, padding=options.padding)
            for frame, its in zip(frames, boxes, strict=True)
        ],
    )
    costs["encode"] = both - costs["decode"]
    return costs


@click.command(help=__doc__)
@click.option("--clip", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A video. [Default: made]")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(clip: Path | None, as_json: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if clip is None:
            clip = write_clip(folder / "made.mp4", pan(astronaut(), (608, 1080), 96), rate=Fraction(30))
        costs = measure(clip, folder)
    if as_json:
        click.echo(json.dumps(costs))
        return
    table = Table("step", "CPU ms a frame")
    for step, milliseconds in (costs | {"all": sum(costs.values())}).items():
        table.add_row(step, f"{milliseconds:.2f}")
    Console().print(table)


if __name__ == "__main__":
    command()
