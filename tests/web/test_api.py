"""The review's API: what it shows of an output, and the edits, verdicts and jobs that it takes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from faceblur.auditing.legibility import measure_legibility
from faceblur.auditing.verdicts import verdicts_path
from faceblur.base.events import Event, FramesMasked
from faceblur.jobs.render_run import EditRun
from faceblur.redaction.edits import read_edits
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.redaction.sidecar_format import edits_path
from tests.conftest import ServerThread
from tests.web.conftest import FRAMES, SPARED, Client, server_of

ADD = {"op": "add", "first_frame": 2, "last_frame": 9}
KEYFRAMES = [{"frame": 2, "box": [10, 10, 60, 60]}, {"frame": 8, "box": [70, 40, 120, 90]}]


def still(client: Client, number: int, layer: str = "source", **named: Any) -> np.ndarray:
    answer = client.get(f"{client.video()}/frames/{number}", params={"layer": layer, **named})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "image/jpeg", answer.text
    image = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return image


def clear_share(client: Client, number: int, box: list[float]) -> float:
    x1, y1, x2, y2 = box
    left = measure_legibility(still(client, number), still(client, number, "output"), (x1, y1, x2, y2))
    assert left is not None
    return left.kept


def finish_jobs(client: Client) -> dict[str, Any]:
    while (job := client.get("/jobs").json()[-1])["state"] == "running":
        pass
    return dict(job)


def test_what_is_to_be_reviewed(client: Client) -> None:
    (video,) = client.get("/videos").json()
    assert video["name"] == "face.mp4" and video["problem"] is None and not video["is_pending"]
    assert video["audit"] | {"listed": 1, "is_current": True} == video["audit"]
    shown = client.get(f"/videos/{video['id']}").json()
    assert shown["frame_wh"] == [320, 240] and shown["streams"][0]["frames"] == FRAMES
    (track,) = shown["tracks"]
    assert (track["state"], track["first_frame"], track["last_frame"]) == ("spared", 0, FRAMES - 1)
    assert track["spared_frames"] == SPARED and len(track["samples"]) == 8 and track["score"] > 0.9
    (finding,) = shown["findings"]
    assert finding["kind"] == "spared" and finding["can_mask"] and finding["verdict"] is None
    states = [client.get(f"{client.video()}/frames/{n}/faces").json()["faces"][0]["state"] for n in (0, SPARED + 1)]
    assert states[0] == "spared" and states[1] in ("detected", "interpolated")


def test_a_still_is_the_very_frame_and_a_crop_a_part_of_it(client: Client) -> None:
    first, last = still(client, 0), still(client, FRAMES - 1)
    assert first.shape == (240, 320) and np.abs(first.astype(int) - last).mean() > 5
    assert still(client, 3, crop="100,60,160,130", height=64).shape == (64, 64)
    path = client.video()
    for wrong, status in ((f"{path}/frames/{FRAMES}", 404), (f"{path}/frames/-1", 400), ("/videos/000000000000", 404)):
        assert client.get(wrong).status_code == status
    assert client.get(f"{path}/frames/0", params={"crop": "1,2,3"}).status_code == 400
    assert client.get(f"{path}/media/output", headers={"Range": "bytes=0-9"}).status_code == 206


def test_an_edit_is_signed_on_the_disk_and_seen_at_once(client: Client, folder: Path) -> None:
    before = client.get(client.video()).json()
    changed = client.edit({"op": "spare-track", "track": 1}, reason="consented").json()
    assert changed["tracks"][0]["state"] == "spared" and changed["is_pending"] and not before["is_pending"]
    sidecar = sidecar_path(folder / "out" / "face.mp4")
    line = json.loads(edits_path(sidecar).read_text().splitlines()[1])
    assert (line["op"], line["by"], line["reason"]) == ("spare-track", "ann", "consented") and line["at"]
    assert client.get(f"{client.video()}/frames/9/faces").json()["faces"][0]["state"] == "spared"
    undone = client.edit({"op": "undo", "line": 2}).json()
    assert undone["tracks"] == before["tracks"] and [one["is_undone"] for one in undone["log"]] == [True, False]


def test_an_edit_of_a_part_of_a_track(client: Client, folder: Path) -> None:
    """The first five frames are spared by the run."""
    part = {"op": "remove-track", "track": 1, "first_frame": 10, "last_frame": 12}
    shown = client.edit(part, {"op": "mask-track", "track": 1, "last_frame": SPARED}).json()
    assert shown["tracks"][0]["state"] == "masked"
    faces = [client.get(f"{client.video()}/frames/{n}/faces").json()["faces"][0]["state"] for n in (0, 9, 10, 12, 13)]
    assert faces[0] == "added" and [one == "removed" for one in faces] == [False, False, True, True, False]
    assert [one["text"] for one in shown["log"]] == [
        "track 1 is no face, 0.4 s to 0.48 s",
        f"track 1 is masked, 0 s to {SPARED / 25:g} s",
    ]
    client.edit({"op": "spare-track", "track": 1, "first_frame": 20, "last_frame": 20}, reason="consented")
    (track,) = client.get(client.video()).json()["tracks"]
    assert (track["state"], track["spared_frames"]) == ("spared", 1)


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ({"op": "remove-track", "track": 9}, "there is no track 9"),
        ({"op": "remove-track", "track": 1, "first_frame": FRAMES}, f"no frames from {FRAMES} to its end"),
        ({"op": "remove-track", "track": 1, "first_frame": 9, "last_frame": 8}, "no frames from 9 to 8"),
        ({"op": "spare-track", "track": 1}, "takes a reason"),
        ({"op": "undo", "line": 9}, "no edit that counts"),
        (ADD | {"last_frame": FRAMES, "keyframes": KEYFRAMES}, "no frames from"),
        (ADD | {"keyframes": KEYFRAMES * 2}, "two keyframes"),
        (ADD | {"keyframes": [{"frame": 2, "box": [900, 10, 950, 60]}]}, "lies outside of the frame"),
        (ADD | {"keyframes": []}, "operations.1.add.keyframes"),
        ({"op": "delete-all"}, "operations.1"),
    ],
)
def test_an_edit_that_is_not_possible_changes_nothing(client: Client, folder: Path, operation: Any, why: str) -> None:
    refused = client.edit({"op": "remove-track", "track": 1}, operation)
    assert refused.status_code == 400 and why in refused.json()["error"]["message"], refused.text
    assert not edits_path(sidecar_path(folder / "out" / "face.mp4")).exists()


def test_an_edit_of_what_somebody_else_changed_is_refused(client: Client) -> None:
    path = client.video()
    tag = client.get(path).headers["ETag"]
    client.edit({"op": "remove-track", "track": 1})
    body = {"by": "bob", "operations": [{"op": "mask-track", "track": 1}]}
    assert client.post(f"{path}/edits", json=body, headers={"If-Match": tag}).status_code == 412
    assert client.post(f"{path}/edits", json=body).status_code == 428
    headers = {"If-Match": client.get(path).headers["ETag"]}
    with ThreadPoolExecutor(4) as pool:
        at_once = pool.map(lambda _: client.post(f"{path}/edits", json=body, headers=headers).status_code, range(4))
    assert sorted(at_once) == [200, 412, 412, 412]
    assert [one["op"] for one in client.get(path).json()["log"]] == ["remove-track", "mask-track"]


def test_a_face_that_moves_is_in_its_box_in_each_frame(client: Client) -> None:
    added = client.edit(ADD | {"keyframes": KEYFRAMES}).json()["added"]
    frames = {number: one["box"] for one in added for number in range(one["first_frame"], one["last_frame"] + 1)}
    assert list(frames) == list(range(2, 10))
    for number, (x1, y1, x2, y2) in frames.items():
        share = min(1.0, (number - 2) / 6)
        left, top = 10 + 60 * share, 10 + 30 * share
        assert x1 <= left + 0.1 and y1 <= top + 0.1 and x2 >= left + 49.9 and y2 >= top + 49.9
    assert max(box[2] - box[0] for box in frames.values()) < 75


def test_rendering_writes_the_edits_and_audits_again(client: Client, folder: Path) -> None:
    box = client.get(f"{client.video()}/frames/9/faces").json()["faces"][0]["box"]
    assert clear_share(client, 9, box) < 0.3 and clear_share(client, 0, box) > 0.8
    client.edit({"op": "remove-track", "track": 1})
    assert client.post(f"{client.video()}/jobs", json={"kind": "render"}).status_code == 202
    assert finish_jobs(client)["state"] == "done"
    shown = client.get(client.video()).json()
    assert clear_share(client, 9, box) > 0.8 and not shown["is_pending"] and shown["edits"] == 1
    assert not shown["audit"]["passed"] and shown["findings"][0]["kind"] == "uncovered"
    worst = shown["findings"][0]["key"]
    judged = client.put(f"{client.video()}/findings/{worst}", json={"by": "ann", "verdict": "mask"}).json()
    assert judged["added"] and judged["is_pending"] and judged["audit"]["reviewed"] == 1
    client.post(f"{client.video()}/jobs", json={"kind": "render"})
    assert finish_jobs(client)["state"] == "done"
    assert clear_share(client, 9, box) < 0.3 and client.get(client.video()).json()["audit"]["passed"]


def test_a_verdict_is_kept_and_can_be_taken_back(client: Client, folder: Path) -> None:
    key = client.get(client.video()).json()["findings"][0]["key"]
    path = f"{client.video()}/findings/{key}"
    for verdict in ("fine", "unclear", None, "mask", "mask"):
        shown = client.put(path, json={"by": "ann", "verdict": verdict}).json()
        assert shown["findings"][0]["verdict"] == verdict and shown["audit"]["reviewed"] == (verdict is not None)
    (edit,) = read_edits(sidecar_path(folder / "out" / "face.mp4")).operations
    assert edit.op == "mask-track" and edit.by == "ann"
    lines = [json.loads(line) for line in verdicts_path(folder / "out" / "face.mp4").read_text().splitlines()]
    assert [line["verdict"] for line in lines] == ["fine", "unclear", None, "mask"]
    assert client.put(f"{client.video()}/findings/none", json={"by": "ann", "verdict": "fine"}).status_code == 404


def test_a_verdict_that_is_given_twice_at_once_makes_its_edit_once(client: Client) -> None:
    url = f"{client.video()}/findings/{client.get(client.video()).json()['findings'][0]['key']}"
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda _: client.put(url, json={"by": "ann", "verdict": "mask"}), range(6))
    assert {one.status_code for one in answers} == {200}
    assert [one["op"] for one in client.get(client.video()).json()["log"]] == ["mask-track"]
    assert client.put(url, json={"by": "  ", "verdict": "fine"}).status_code == 400


def test_what_was_to_be_masked_and_is_still_found_is_open_again(client: Client, folder: Path) -> None:
    key = client.get(client.video()).json()["findings"][0]["key"]
    client.put(f"{client.video()}/findings/{key}", json={"by": "ann", "verdict": "mask"})
    undone = client.edit({"op": "undo", "line": 2}).json()
    assert undone["findings"][0]["verdict"] == "mask" and undone["audit"]["reviewed"] == 1
    client.post(f"{client.video()}/jobs", json={"kind": "render"})
    assert finish_jobs(client)["state"] == "done"
    shown = client.get(client.video()).json()
    assert shown["findings"][0] == undone["findings"][0] | {"verdict": None} and shown["audit"]["reviewed"] == 0
    again = client.put(f"{client.video()}/findings/{key}", json={"by": "ann", "verdict": "mask"}).json()
    assert again["edits"] == 1 and again["audit"]["reviewed"] == 1


def test_a_file_of_verdicts_that_is_none_is_one_line(client: Client, folder: Path) -> None:
    path = verdicts_path(folder / "out" / "face.mp4")
    url = f"{client.video()}/findings/{client.get(client.video()).json()['findings'][0]['key']}"
    for content in (b'{"finding":"x","ver', b"\xff\n"):
        path.write_bytes(content)
        assert "line 1" in client.put(url, json={"by": "ann", "verdict": "fine"}).json()["error"]["message"]
        assert "delete the line" in client.get("/videos").json()[0]["problem"]
    path.write_bytes(b'{"finding":"x","verdict":"fine","by":"ann","at":"2026-01-01T00:00:00Z"}')
    assert client.put(url, json={"by": "ann", "verdict": "fine"}).json()["audit"]["reviewed"] == 1
    path.unlink()
    os.mkfifo(path)
    assert "no regular file" in client.get("/videos").json()[0]["problem"]


def test_what_cannot_be_reviewed_is_listed_with_its_reason(folder: Path, function_url: str) -> None:
    for name in ("lost.mp4", "broken.mp4"):
        shutil.copy(folder / "out" / "face.mp4", folder / "out" / name)
    shutil.copy(sidecar_path(folder / "out" / "face.mp4"), sidecar_path(folder / "out" / "broken.mp4"))
    edits_path(sidecar_path(folder / "out" / "broken.mp4")).write_text("no edits\n")
    with ServerThread(server_of(folder, Held())) as running:
        client = Client(running.url)
        problems = {one["name"]: one["problem"] for one in client.get("/videos").json()}
        assert problems["face.mp4"] is None and "no sidecar" in problems["lost.mp4"]
        assert "broken.mp4.edits.jsonl: line 1" in problems["broken.mp4"]
        ids = {one["name"]: one["id"] for one in client.get("/videos").json()}
        statuses = {name: client.get(f"/videos/{number}").status_code for name, number in ids.items()}
        assert statuses == {"face.mp4": 200, "lost.mp4": 400, "broken.mp4": 422}


def test_a_source_that_is_another_video_is_not_shown(folder: Path, function_url: str) -> None:
    shutil.copy(folder / "out" / "face.mp4", folder / "in" / "face.mp4")
    with ServerThread(server_of(folder, Held())) as running:
        client = Client(running.url)
        for path in (client.video(), f"{client.video()}/frames/0"):
            refused = client.get(path)
            assert refused.status_code == 422 and "belongs to another video" in refused.text


def test_what_is_edited_while_another_process_writes_the_output_is_pending(
    client: Client, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def edit_meanwhile(event: Event) -> None:
        if isinstance(event, FramesMasked) and not client.get(client.video()).json()["log"]:
            assert client.edit({"op": "remove-track", "track": 1}).status_code == 200

    report = asyncio.run(EditRun(folder / "out" / "face.mp4", on_event=edit_meanwhile).run())
    assert not report.failed
    assert client.get(client.video()).json()["is_pending"]
    assert "it lacks the edits made since then" in caplog.text


class Held:
    """Tools that are at it until they are cancelled."""

    async def render(self, *_: object) -> None:
        await asyncio.Event().wait()

    async def audit(self, *_: object) -> None:
        raise AssertionError("nothing was rendered")


def test_while_a_job_runs_nothing_is_edited_and_it_can_be_cancelled(folder: Path) -> None:
    with ServerThread(server_of(folder, Held())) as running:
        client = Client(running.url)
        job = client.post(f"{client.video()}/jobs", json={"kind": "render"}).json()
        assert client.edit({"op": "remove-track", "track": 1}).status_code == 409
        assert client.post(f"{client.video()}/jobs", json={"kind": "audit"}).status_code == 409
        assert client.delete(f"/jobs/{job['id']}").status_code == 204
        assert finish_jobs(client)["state"] == "cancelled"
        assert client.edit({"op": "remove-track", "track": 1}).status_code == 200
        assert client.delete("/jobs/99").status_code == 404
        client.post(f"{client.video()}/jobs", json={"kind": "render"})  # the server ends all the same


def test_the_faces_of_the_frames_that_a_player_shows(client: Client) -> None:
    path = client.video()
    first, *_, last = client.get(f"{path}/faces?start=0").json()
    assert (first["frame"], first["seconds"], last["frame"]) == (0, 0, FRAMES - 1)
    # The frame that is shown at a time was shown since before it.
    (frame, *after) = client.get(f"{path}/faces?start=0.825").json()
    assert (frame["frame"], frame["seconds"], len(after)) == (20, 0.8, FRAMES - 21)
    assert frame["faces"] == client.get(f"{path}/frames/20/faces").json()["faces"] != []
    assert client.get(f"{path}/faces?start=-1").status_code == 400
    assert client.get(f"{path}/faces?start=0&stream=7").status_code == 404
    assert client.get(f"{path}/faces?start=99").json() == [last]  # it is shown to the end
