"""The check of a deployed function: it must find and hide one real face before it gets any footage.

The function has its own check, `GET /check`. One of an older version, or behind a gateway that passes no path on, is
sent the image instead.
"""

from __future__ import annotations

import math
from urllib.parse import urlsplit

from pydantic import ValidationError

from faceblur.base.errors import InvalidReply
from faceblur.base.printable import printable
from faceblur.detection.exchange import Response
from faceblur.detection.reply import CheckedReply
from faceblur.detection.retry_policy import RETRIED_STATUS, check_status
from faceblur_function import images, self_check, wire

OPTIONS = wire.RequestOptions(format="png")


def check_url(url: str) -> str:
    """Where the function at this URL answers its check."""
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/check").geturl()


def read_check(url: str, response: Response) -> wire.Check | None:
    """The function's own check; None where the response is something else. Raises AttemptFailed.

    A check that fails is a 503 too, as a function without a free worker is, but its body says so.
    """
    try:
        check = wire.Check.model_validate_json(response.content)
    except ValidationError:
        if response.status in RETRIED_STATUS:
            check_status(url, response)
        return None
    return check if check.ok == (response.status == 200) else None


def face() -> bytes:
    """The image to send, encoded."""
    return self_check.IMAGE.read_bytes()


def verdict(answer: CheckedReply, seconds: float) -> wire.Check:
    """The check of a function that was sent `face()` with OPTIONS, and returned frames."""
    assert answer.frames is not None
    return self_check.verdict(
        images.decode_image(face()),
        images.decode_image(answer.frames[0]),
        answer.faces[0],
        padding=OPTIONS.padding,
        model=answer.model,
        device=answer.device,
        ms=seconds * 1000,
    )


def require(url: str, check: wire.Check) -> wire.Check:
    """The check, if it passed. Raises InvalidReply."""
    if not check.ok:
        raise InvalidReply(f"{url}: its check failed, so it gets no footage: {printable(str(check.reason))}")
    return check


def describe(check: wire.Check) -> str:
    """One line about a check that passed."""
    score = check.face.score if check.face else math.nan
    found = f"a face with score {score:.2f} came back blurred, {check.detail_left:.0%} of its detail left"
    return f"{found}: {printable(check.model)} on {printable(check.device)}, {check.ms / 1000:.2f} s"
