"""The error that a request gets as its answer: an HTTP status, and a JSON object that programs and people can read."""

from __future__ import annotations

import json
from typing import Any


class WireError(Exception):
    """A request or an image that cannot be used.

    `status` is the HTTP status, `code` is for programs, the message is for people, `frame` is the index of the frame
    at fault.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, frame: int | None = None) -> None:
        super().__init__(message)
        self.code, self.status, self.frame = code, status, frame

    def to_json(self) -> str:
        """The body of the answer: `{"error": {"code", "message", "frame"}}`, without `frame` where there is none."""
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.frame is not None:
            error["frame"] = self.frame
        return json.dumps({"error": error})


def frame_prefix(frame: int | None) -> str:
    """The beginning of a message about the frame of this index; empty where no index is known."""
    return "" if frame is None else f"frame {frame}: "
