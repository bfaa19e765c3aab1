"""A reply that fails any check is refused."""

from __future__ import annotations

import base64
import io
import json
from contextlib import nullcontext
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from faceblur.base.errors import InvalidReply
from faceblur.detection.reply_checks import check_info, check_reply
from faceblur.detection.request_body import Sent, encode_request
from faceblur_function.defaults import MAX_FACES
from faceblur_function.images import EXIF_ORIENTATION
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
    "faces that its digests do not hold": {"faces": [[{"box": [2, 3, 9, 12], "score": 1}], []]},
    "frames in another order": {"frames": [base64.b64encode(image(shade)).decode() for shade in (20, 10)]},
}

BOX, BEYOND = [2, 3, 9, 12], [16.5, 3, 20, 12]
WRONG_FACES: dict[str, dict[str, Any]] = {
    "swapped corners": {"box": [9, 12, 2, 3], "score": 1},
    "swapped in height": {"box": [2, 12, 9, 3], "score": 1},
    "no width": {"box": [2, 3, 2, 12], "score": 1},
    "right of the frame": {"box": BEYOND, "score": 1},
    "above the frame": {"box": [2, -12, 9, -3], "score": 1},
    "huge": {"box": [2, 3, 1e18, 12], "score": 1},
    "not to be multiplied": {"box": [-1e308, -1e308, 1e308, 1e308], "score": 1},
    "negative score": {"box": BOX, "score": -0.5},
    "score over 1": {"box": BOX, "score": 1.5},
    "score as text": {"box": BOX, "score": "1"},
    "score as a truth value": {"box": BOX, "score": True},
    "box as text": {"box": ["2", "3", "9", "12"], "score": 1},
    "no score": {"box": BOX},
    "landmarks without end": {"box": BOX, "score": 1, "landmarks": [[1e999, 1]] * 5},
    "landmarks of three": {"box": BOX, "score": 1, "landmarks": [[1, 2, 3]] * 5},
}


@pytest.mark.parametrize("name", WRONG_FACES)
def test_a_face_that_covers_nothing_is_an_error_that_names_the_frame(name: str) -> None:
    images = [image(10), image(20)]
    content = json.dumps(right(images, faces=[[], [WRONG_FACES[name]]], digests=None)).encode()
    with pytest.raises(InvalidReply, match=r"frame 1 of the answer: face 0|faces\.1\.0\."):
        check_reply(content, sent(images), return_frames=True, require_digests=False)


@pytest.mark.parametrize("box", [BOX, [-3, -3, 4, 4], [12, 12, 20, 20], [-100, -100, 200, 200]], ids=str)
def test_a_face_that_has_a_part_in_the_frame_is_none(box: list[float]) -> None:
    faces = [[{"box": box, "score": 1}]]
    content = json.dumps(right([image(10)], faces=faces, digests=None)).encode()
    answer = check_reply(content, sent([image(10)]), return_frames=True, require_digests=False)
    assert answer.faces[0][0].box == tuple(box)


def test_boxes_are_those_of_the_upright_image() -> None:
    """An image that is stored lying is searched upright: a box may lie where the stored one has no pixels."""
    stored = io.BytesIO()
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    Image.new("RGB", (40, 20)).save(stored, "JPEG", exif=exif)
    images = [stored.getvalue()]
    for box, usable in (([2, 25, 9, 35], True), ([25, 2, 35, 9], False)):
        content = json.dumps(right(images, faces=[[{"box": box, "score": 1}]], digests=None)).encode()
        with nullcontext() if usable else pytest.raises(InvalidReply, match="outside of the frame of 20x40"):
            check_reply(content, sent(images), return_frames=True, require_digests=False)


def test_more_faces_than_any_frame_has_are_an_error() -> None:
    face = {"box": BOX, "score": 0.5}
    for count, usable in ((MAX_FACES, True), (MAX_FACES + 1, False)):
        content = json.dumps(right([image(10)], faces=[[face] * count], digests=None)).encode()
        with (
            nullcontext()
            if usable
            else pytest.raises(InvalidReply, match=r"faces\.0: list should have at most 4096 items")
        ):
            check_reply(content, sent([image(10)]), return_frames=True, require_digests=False)


@pytest.mark.parametrize("part", [b"[]", b"{}", b'{"box":[],"score":1}', b'{"landmarks":[[],[],[],[],[],[],[],[]]}'])
def test_a_reply_of_empty_parts_is_refused_before_it_is_parsed(part: bytes) -> None:
    """Parsed, it would take fifty times its size."""
    frames = json.dumps(right([image(10)], faces=[[]], digests=None)).encode()
    content = frames.replace(b'"faces": [[]]', b'"faces": [[' + b",".join([part] * 40_000) + b"]]")
    with pytest.raises(InvalidReply, match="more parts than the frames that were sent can lead to"):
        check_reply(content, sent([image(10)]), return_frames=True, require_digests=False)


@pytest.mark.parametrize(
    "timings", [{"detect": -1}, {"detect": 1e999}, {"detect": "1"}, {str(n): 1 for n in range(17)}]
)
def test_times_that_no_stage_takes_are_refused(timings: dict[str, Any]) -> None:
    content = json.dumps(right([image(10)], timings_ms=timings)).encode()
    with pytest.raises(InvalidReply, match="the answer is not valid: timings_ms"):
        check_reply(content, sent([image(10)]), return_frames=True, require_digests=False)


def test_the_answer_of_another_model_than_the_announced_one_is_refused() -> None:
    content = json.dumps(right([image(10)])).encode()
    check_reply(content, sent([image(10)]), return_frames=True, require_digests=True, model="m")
    with pytest.raises(InvalidReply, match="the answer is by m, but the function ran other at the beginning"):
        check_reply(content, sent([image(10)]), return_frames=True, require_digests=True, model="other")


def test_what_a_terminal_obeys_is_escaped() -> None:
    evil = "\x1b]0;owned\x07\x9b31m\u202e\n"
    content = json.dumps(right([image(10)], model=evil, device=evil)).encode()
    answer = check_reply(content, sent([image(10)]), return_frames=True, require_digests=True)
    assert answer.model == answer.device == r"\x1b]0;owned\x07\x9b31m\u202e\n"
    info = check_info("http://a", json.dumps({"version": 1, "model": evil, "device": evil, "provider": evil}).encode())
    assert info.model == info.device == info.provider == answer.model
    with pytest.raises(InvalidReply, match="model: string should have at most 200"):
        content = json.dumps(right([image(10)], model="m" * 201)).encode()
        check_reply(content, sent([image(10)]), return_frames=True, require_digests=True)


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
