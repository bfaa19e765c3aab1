"""A function that detects no face in any image, and counts what it is sent."""

from __future__ import annotations

from typing import Any

from faceblur_function import wire
from tests.support.hostile import Server, scripted


def no_faces(counts: list[int]) -> Server:
    """A function that detects nothing; `counts` gets the number of images of each request."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        frames = body["frames"]
        counts.append(len(frames))
        digests = [wire.digest(frame, "", []) for frame in frames]
        faces: list[list[Any]] = [[] for _ in frames]
        return {"version": 1, "model": "m", "device": "d", "faces": faces, "timings_ms": {}, "digests": digests}

    info = {"weights_sha256": "0" * 64, "provider": "p", "digests": True, "workers": 1}
    return scripted(answer, info=info)
