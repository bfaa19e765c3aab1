"""A face that is drawn in one frame is followed through those around it: where it is, and why it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceblur.web import following
from tests.support.faces import box_iou
from tests.web.conftest import Client
from tests.web.moving_face import COVERED, CUT, FRAMES, made, true_box  # noqa: F401 (a fixture)

MARGIN = 0.5  # of an IoU


def asked(client: Client, frame: int, box: Any = None, **named: Any) -> Any:
    text = box if isinstance(box, str) else ",".join(f"{one:.1f}" for one in box or true_box(frame))
    return client.get(f"{client.video()}/frames/{frame}/follow", params={"box": text, **named})


def followed(client: Client, frame: int, **named: Any) -> dict[str, Any]:
    answer = asked(client, frame, **named)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_face_is_followed_back_to_the_cut_and_on_until_it_is_hidden(client: Client) -> None:
    found = followed(client, 45)
    assert found["earlier"] == {"frame": CUT, "reason": "cut"}
    assert found["later"]["reason"] == "lost" and COVERED - 3 <= found["later"]["frame"] < COVERED
    frames = [one["frame"] for one in found["boxes"]]
    assert frames == [one for one in range(CUT, found["later"]["frame"] + 1) if one != 45]
    for one in found["boxes"]:
        assert box_iou(np.array(one["box"]), np.array(true_box(one["frame"]))) > MARGIN, one
        assert one["box"] == [round(value, 1) for value in one["box"]]


def test_the_scene_before_a_cut_and_the_end_of_the_video(client: Client) -> None:
    found = followed(client, 5, box=(130, 60, 200, 150))
    assert found["earlier"] == {"frame": 0, "reason": "end"} and found["later"] == {"frame": CUT - 1, "reason": "cut"}
    found = followed(client, FRAMES - 1, box=(10, 40, 70, 120))
    assert found["later"] == {"frame": FRAMES - 1, "reason": "end"} and found["earlier"]["frame"] < FRAMES - 20


def test_it_ends_where_it_is_asked_to_and_at_its_limits(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    found = followed(client, 45, first=40, last=47)
    assert found["earlier"] == {"frame": 40, "reason": "asked"} and found["later"] == {"frame": 47, "reason": "asked"}
    assert [one["frame"] for one in found["boxes"]] == [40, 41, 42, 43, 44, 46, 47]
    assert followed(client, 45, first=45, last=45)["boxes"] == []
    monkeypatch.setattr(following, "MAX_SECONDS", 0.4)
    found = followed(client, 45, last=FRAMES + 9)
    assert found["earlier"] == {"frame": 35, "reason": "limit"} and found["later"] == {"frame": 55, "reason": "limit"}
    monkeypatch.setattr(following, "MAX_FRAMES", 3)
    found = followed(client, 45)
    assert found["earlier"] == {"frame": 42, "reason": "limit"} and found["later"] == {"frame": 48, "reason": "limit"}
    monkeypatch.setattr(following, "MAX_BYTES", 200_000)  # two copies
    found = followed(client, 45)
    assert found["earlier"] == {"frame": 43, "reason": "limit"} and found["later"] == {"frame": 48, "reason": "limit"}


@pytest.mark.parametrize(("face", "side"), [(400, 480), (64, 480), (32, 960), (16, 1920), (4, 1920)])
def test_small_faces_are_followed_in_finer_copies(face: float, side: int) -> None:
    assert following.long_side((1920, 1080), (100, 100, 100 + face, 100 + face)) == side


def test_as_many_keyframes_are_saved_as_a_face_is_followed_to(client: Client) -> None:
    keyframes = [{"frame": frame, "box": (10 + frame / 50, 20, 60 + frame / 50, 80)} for frame in range(1201)]
    saved = client.edit({"op": "add", "first_frame": 0, "last_frame": FRAMES - 1, "keyframes": keyframes})
    assert saved.status_code == 200, saved.text
    assert saved.json()["added"][-1]["last_frame"] == FRAMES - 1


def test_no_more_frames_are_read_than_it_takes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    copied = following.thumbnail
    monkeypatch.setattr(following, "thumbnail", lambda *rest: read.append(rest) or copied(*rest))
    end = followed(client, 30, first=28)["later"]["frame"]
    assert len(read) == end - 28 + 2  # with the one in which it is lost


@pytest.mark.parametrize(
    ("frame", "named", "status", "why"),
    [
        (FRAMES, {"box": "1,2,3,4"}, 404, "no frame"),
        (45, {"box": "1,2,3,4", "stream": 7}, 404, "stream 7 has no frame"),
        (45, {"box": "1,2,3"}, 400, "box is a box x1,y1,x2,y2"),
        (45, {"box": "nan,2,3,4"}, 400, "box is a box x1,y1,x2,y2"),
        (45, {"box": "9,2,3,4"}, 400, "covers nothing"),
        (45, {"box": "900,10,950,60"}, 400, "lies outside of the frame of 320x240"),
        (45, {"first": 46}, 400, "frame 45 is not between"),
        (45, {"last": 44}, 400, "frame 45 is not between"),
        (45, {"first": -1}, 400, "query.first"),
    ],
)
def test_what_cannot_be_followed_is_one_line(
    client: Client, frame: int, named: dict[str, Any], status: int, why: str
) -> None:
    refused = asked(client, frame, **{"box": true_box(min(frame, FRAMES - 1))} | named)
    assert refused.status_code == status and why in refused.json()["error"]["message"], refused.text


def test_a_source_that_cannot_be_read_is_one_line(client: Client, folder: Path) -> None:
    assert followed(client, 45)["boxes"]
    (folder / "in" / "face.mp4").write_bytes(b"no video")
    refused = asked(client, 45)
    assert refused.status_code == 422 and "face.mp4" in refused.json()["error"]["message"], refused.text


def test_it_needs_the_cookie_and_changes_nothing(client: Client, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    followed(client, 45)
    path = client.video()
    client.cookies.clear()
    assert client.get(f"{path}/frames/45/follow", params={"box": "1,2,30,40"}).status_code == 401
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
