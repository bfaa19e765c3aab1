"""The function's answer to one batch: a reply that has passed every check."""

from __future__ import annotations

from dataclasses import dataclass

from faceblur_function import wire


@dataclass(frozen=True, slots=True)
class CheckedReply:
    """The answer to one batch. The lists are in the order of the frames that were sent.

    `frames` holds encoded images, None when only faces were asked for. `timings_ms` has the function's own stages, as
    it reports them; the client adds `queue` and `network`, or `hand-over`.
    """

    model: str
    device: str
    faces: list[list[wire.Face]]
    frames: list[bytes] | None
    timings_ms: dict[str, float]
