"""Batches that are too large for the platform, or for the memory here, are sent in halves."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence

from faceblur.base.errors import RequestTooLarge
from faceblur.detection.reply import CheckedReply

log = logging.getLogger("faceblur.client")


class Halving:
    """Learns from refusals which size is too large: later batches of that size are halved before they are sent."""

    def __init__(self) -> None:
        self._refused_bytes: float = math.inf  # bytes of images in the smallest batch that was refused

    def is_needed(self, images: Sequence[bytes]) -> bool:
        """Whether a batch of this size is known to be refused. A single image cannot be halved."""
        return len(images) > 1 and sum(map(len, images)) >= self._refused_bytes

    def learn(self, images: Sequence[bytes], error: Exception) -> None:
        """`error` is what this batch got: RequestTooLarge, MemoryError, or a connection that broke several times."""
        if isinstance(error, (RequestTooLarge, MemoryError)):
            size = sum(map(len, images))
            self._refused_bytes = min(size, self._refused_bytes)
            log.info("%d bytes of images are too large for the platform or the memory: sent in halves", size)
        else:
            log.info("the connection broke several times: the batch is sent in halves")


def halves(images: Sequence[bytes]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """The two halves of a batch, in order."""
    middle = len(images) // 2
    return images[:middle], images[middle:]


def joined(first: CheckedReply, second: CheckedReply) -> CheckedReply:
    """The answer to a batch from those to its halves."""
    return CheckedReply(
        model=first.model,
        device=first.device,
        faces=first.faces + second.faces,
        frames=None if first.frames is None or second.frames is None else first.frames + second.frames,
        timings_ms=dict(Counter(first.timings_ms) + Counter(second.timings_ms)),
    )
