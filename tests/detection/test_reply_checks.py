"""A reply that fails any check is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from aiohttp import web

from faceblur.base.errors import InvalidReply
from faceblur.detection.reply_checks import check_reply
from faceblur.detection.request_body import Sent, encode_request
from tests.support.batches import OPTIONS, echo, image


def right(images: list[bytes], **changes: Any) -> dict[str, Any]:
    return echo({"frames": [base64.b64encode(one).decode() for one in images]}) | changes


def sent(images: list[bytes]) -> Sent:
    return encode_request(images, OPTIONS, return_frames=True)


WRONG = {
    "version": {"version": 2},
    "no version": {"version": None},
    "no frames": {"frames": None},
    "fewer frames": {"frames": []},
    "fewer faces": {"faces": [[]]},
    "more faces": {"faces": [[], [], []]},
    "face without box": {"faces": [[{"score": 1}], []]},
    "box of three": {"faces": [[{"box": [1, 2, 3], "score": 1}], []]},
    "box of text": {"faces": [[{"box": ["a", 2, 3, 4], "score": 1}], []]},
    "box of infinities": {"faces": [[{"box": [1e999, 2, 3, 4], "score": 1}], []]},
    "frames that are no base64": {"frames": ["***", "***"], "digests": None},
    "frames that are no images": {"frames": ["aGVsbG8=", "aGVsbG8="], "digests": None},
    "frames of another size": {"frames": [base64.b64encode(image(1, 24)).decode()] * 2, "digests": None},
    "wrong digests": {"digests": ["0" * 64] * 2},
    "fewer digests": {"digests": []},
    "no digests": {"digests": None},
    "frames in another order": {"frames": [base64.b64encode(image(shade)).decode() for shade in (20, 10)]},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_replies_are_never_accepted(name: str) -> None:
    images = [image(10), image(20)]
    content = web.json_response(right(images, **WRONG[name])).body
    with pytest.raises(InvalidReply):
        check_reply(bytes(content), sent(images), return_frames=True, require_digests=name == "no digests")  # type: ignore[arg-type]


def test_reply_without_digests_passes_where_none_were_announced() -> None:
    images = [image(10)]
    content = web.json_response(right(images, digests=None)).body
    answer = check_reply(bytes(content), sent(images), return_frames=True, require_digests=False)  # type: ignore[arg-type]
    assert answer.frames == images


def test_frames_when_only_faces_were_asked_for_are_refused() -> None:
    with pytest.raises(InvalidReply):
        content = web.json_response(right([image(10)])).body
        check_reply(bytes(content), sent([image(10)]), return_frames=False, require_digests=False)  # type: ignore[arg-type]
