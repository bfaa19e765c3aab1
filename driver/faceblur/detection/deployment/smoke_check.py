"""Sends one real face through a deployed function and checks that it comes back blurred.

`python -m faceblur.detection.deployment.smoke_check URL` exits with 0 if it does, 1 if not, 2 if the call was wrong.
The image is NASA's portrait of the astronaut Eileen Collins (public domain).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import cv2
import numpy as np

from faceblur.base.errors import FaceblurError, InvalidReply
from faceblur.detection.client import FunctionClient
from faceblur_function import images, wire
from faceblur_function.mask_shapes import regions

IMAGE = Path(__file__).with_name("smoke_face.jpg")
FACE = (slice(68, 164), slice(122, 191))  # rows and columns of the face itself
# Detail left in the face, as a share of what the image has there: `blur` leaves about 0.05, an unblurred face has 1.
MAX_DETAIL = 0.3
MAX_LEVELS = 8  # by which a pixel outside the face may differ: JPEG decoders are not the same


def detail(image: images.Frame) -> float:
    """How much fine structure an image has: the standard deviation of its Laplacian."""
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_32F).std())


async def check(url: str, *, patience: float = 120.0) -> str:
    """Send the image, and return one line about the answer. Raises FunctionError unless its face comes back blurred.

    `patience` is the time to wait for an answer, in seconds.
    """
    sent = IMAGE.read_bytes()
    options = wire.RequestOptions(format="png")
    async with FunctionClient([url], concurrency=1, timeout=patience, give_up_after=patience) as client:
        await client.probe()
        answer = await client.send([sent], options, return_frames=True)
    assert answer.frames is not None
    faces = answer.faces[0]
    if not faces:
        raise InvalidReply("no face was detected in an image that shows one")
    before, after = images.decode_image(sent), images.decode_image(answer.frames[0])
    left = detail(after[FACE]) / detail(before[FACE])
    if left > MAX_DETAIL:
        raise InvalidReply(f"the face is not blurred: {left:.0%} of its detail is left")
    untouched = np.ones(before.shape[:2], bool)
    for region in regions((face.box for face in faces), options.padding):
        untouched[region.window(before.shape[1], before.shape[0])] = False
    if np.abs(before.astype(int) - after)[untouched].max(initial=0) > MAX_LEVELS:
        raise InvalidReply("the image was changed outside the face")
    seconds = sum(answer.timings_ms.values()) / 1000
    result = f"a face with score {faces[0].score:.2f} came back blurred, {left:.0%} of its detail left"
    return f"{result}: {answer.model} on {answer.device}, {seconds:.2f} s"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].startswith(("http://", "https://")):
        print("usage: python -m faceblur.detection.deployment.smoke_check URL", file=sys.stderr)
        return 2
    try:
        print(asyncio.run(check(arguments[0])))
    except FaceblurError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
