"""The review page when a person is quicker than the server, leaves a video, or is not the only one who works."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from faceblur.redaction.edit_operations import RemovedTrack
from faceblur.redaction.edits import read_edits
from faceblur.redaction.sidecar_files import sidecar_path
from tests.conftest import ServerThread
from tests.web.browsing import at, chip, drag, opened, said, sign
from tests.web.conftest import Client, server_of

FACE, OTHER = 0, 1


@pytest.fixture
def folder(folder: Path) -> Path:
    """With a second output."""
    for one in sorted((folder / "out").iterdir()):
        shutil.copy(one, one.with_name(one.name.replace("face", "other", 1)))
    return folder


def edits_of(folder: Path, name: str) -> list[str]:
    return [one.op for one in read_edits(sidecar_path(folder / "out" / name)).log]


def signed(page: Page) -> None:
    """Say who edits, so that nothing asks for it."""
    page.evaluate("localStorage.setItem('faceblur-by', 'ann')")


def come_back(page: Page) -> None:
    """Have the page get the focus, as after another window had it."""
    page.evaluate("dispatchEvent(new Event('focus'))")


def refuse(page: Page, path: str, status: int, message: str) -> None:
    answer = {"error": {"code": "refused", "message": message}}
    page.route(path, lambda route: route.fulfill(status=status, json=answer))


def test_an_edit_is_of_the_video_that_it_was_made_for(page: Page, client: Client, folder: Path) -> None:
    chip(page).get_by_role("button").click()
    page.keyboard.press("x")
    expect(page.get_by_label("Name")).to_be_visible()
    page.evaluate(f"location.hash = '#{client.video(OTHER)}'")
    expect(page.get_by_role("heading", name="other.mp4")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    at(page, 0)
    assert not edits_of(folder, "face.mp4") and not edits_of(folder, "other.mp4")
    chip(page).get_by_role("button").click()
    page.keyboard.press("x")
    sign(page)
    said(page, "saved: track 1")
    assert edits_of(folder, "other.mp4") == ["remove-track"] and not edits_of(folder, "face.mp4")


def test_a_video_that_is_loaded_late_is_not_shown_as_another_one(page: Page, client: Client) -> None:
    page.get_by_role("link", name="All videos").click()
    held: list[Route] = []
    page.route(f"**{client.video(FACE)}", lambda route: held.append(route))
    page.get_by_role("link", name="face.mp4").click()
    expect(page.get_by_text("Loading")).to_be_visible()
    page.evaluate(f"location.hash = '#{client.video(OTHER)}'")
    at(page, 0)
    with page.expect_response(f"**{client.video(FACE)}"):
        held[0].continue_()
    page.keyboard.press(".")
    at(page, 1)
    expect(page.get_by_role("heading", level=1)).to_have_text("other.mp4")


def test_what_is_pressed_again_or_held_is_saved_once(page: Page, folder: Path) -> None:
    signed(page)
    drag(page, (20, 150), (70, 200))
    for _ in range(3):
        page.keyboard.press("Enter")
    said(page, "saved: a face")
    chip(page).get_by_role("button").click()
    for key in "cxc":
        page.keyboard.press(key)
    for _ in range(3):
        page.keyboard.down("x")
    page.keyboard.up("x")
    expect(page.locator(".log li")).to_have_count(5)
    made = ["add", "mask-track", "remove-track", "mask-track", "remove-track"]
    assert edits_of(folder, "face.mp4") == made
    for _ in range(3):
        page.keyboard.press("z")
    expect(page.locator(".log .undone")).to_have_count(3)
    expect(page.locator(".log li")).to_have_count(8)
    assert edits_of(folder, "face.mp4") == [*made, "undo", "undo", "undo"]


def test_a_drawn_face_is_not_lost_when_the_video_is_left(page: Page) -> None:
    drag(page, (100, 150), (160, 210))
    page.get_by_role("link", name="All videos").click()
    said(page, "save the face that is drawn")
    expect(page.locator(".drawn")).to_have_count(1)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="All videos").click()
    expect(page.get_by_role("heading", name="Videos to review")).to_be_visible()


def test_a_click_or_a_line_is_no_face_and_a_box_stays_in_the_frame(page: Page) -> None:
    for begin, end in (((100, 150), (101, 150)), ((100, 150), (200, 150)), ((100, 150), (100, 20))):
        drag(page, begin, end)
        expect(page.locator(".draft")).to_contain_text("Drag on the picture")
    drag(page, (100, 150), (160, 210))
    drag(page, (130, 180), (-90, 180))
    rect = page.locator(".drawn rect")
    assert [float(rect.get_attribute(one) or "") for one in ("x", "width", "height")] == pytest.approx(
        [0, 60, 60], abs=2
    )


def test_the_frame_before_does_not_stand_for_one_that_cannot_be_read(page: Page) -> None:
    refuse(page, "**/frames/1?*", 422, "cannot be read")
    page.keyboard.press(".")
    said(page, "cannot be read")
    expect(page.locator(".still")).to_have_count(0)
    page.keyboard.press(".")
    at(page, 2)
    field = page.get_by_role("spinbutton")
    field.fill("")
    field.press("Escape")
    page.keyboard.press(".")
    at(page, 3)


def test_a_frame_that_cannot_be_read_does_not_keep_the_next_one_away(page: Page) -> None:
    waiting: list[Route] = []
    page.route("**/frames/1?*", lambda route: waiting.append(route))
    with page.expect_request("**/frames/1?*"):
        page.keyboard.press(".")
    page.keyboard.press(".")
    expect(page.get_by_role("slider")).to_have_value("2")
    waiting[0].fulfill(status=422, json={"error": {"code": "unreadable", "message": "cannot be read"}})
    at(page, 2)


def test_what_fails_after_a_refusal_is_said_too(page: Page, client: Client) -> None:
    signed(page)
    refuse(page, "**/edits", 412, "was edited at the same time")
    refuse(page, f"**{client.video(FACE)}", 422, "the sidecar is gone")
    chip(page).get_by_role("button").click()
    page.keyboard.press("c")
    said(page, "the sidecar is gone")


class Held:
    """Tools of which the second step waits until it is cancelled, or both."""

    def __init__(self, *, holds_rendering: bool) -> None:
        self._holds_rendering = holds_rendering

    async def render(self, *_: object) -> None:
        if self._holds_rendering:
            await asyncio.Event().wait()

    async def audit(self, *_: object) -> None:
        await asyncio.Event().wait()


@contextmanager
def held_page(browser: Browser, folder: Path, *, holds_rendering: bool = True) -> Iterator[tuple[Page, Client]]:
    with (
        ServerThread(server_of(folder, Held(holds_rendering=holds_rendering))) as running,
        opened(browser, running.url) as page,
    ):
        signed(page)
        yield page, Client(running.url)


def test_what_another_page_begins_is_seen_and_only_of_its_video(browser: Browser, folder: Path) -> None:
    with held_page(browser, folder) as (page, client):
        chip(page).get_by_role("button").click()
        client.post(f"{client.video(OTHER)}/jobs", json={"kind": "audit"})
        with page.expect_response("**/jobs"):
            come_back(page)
        page.keyboard.press("c")
        said(page, "saved: track 1")
        expect(page.get_by_role("button", name="Apply the edits")).to_be_visible()
        client.post(f"{client.video(FACE)}/jobs", json={"kind": "render"})
        page.keyboard.press("x")
        expect(page.get_by_role("progressbar")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        said(page, "cancelled: the output is as it was")
        expect(page.get_by_role("button", name="Apply the edits")).to_be_visible()


def test_an_output_that_is_written_is_not_said_to_be_as_it_was(browser: Browser, folder: Path) -> None:
    with held_page(browser, folder, holds_rendering=False) as (page, _):
        page.get_by_role("button", name="Apply the edits").click()
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(page.locator("header label")).to_contain_text("auditing")
        page.get_by_role("button", name="Cancel").click()
        said(page, "cancelled: the output is written, but not audited")


def test_what_changed_elsewhere_is_shown_to_who_comes_back(page: Page, client: Client) -> None:
    client.edit({"op": "remove-track", "track": 1})
    come_back(page)
    expect(page.locator("header")).to_contain_text("edits are not in the output yet")


def test_an_edit_of_a_part_that_is_refused_stays_one_of_the_part(page: Page, client: Client, folder: Path) -> None:
    """The same key again would clear the face in all of its frames."""
    signed(page)
    part = page.get_by_label("Part of the tracks")
    chip(page).get_by_role("button").click()
    page.keyboard.press("g")
    refuse(page, "**/edits", 412, "was edited at the same time")
    page.keyboard.press("x")
    said(page, "was edited at the same time")
    expect(part).to_have_value("frame")
    page.unroute("**/edits")
    page.keyboard.press("x")
    said(page, "saved: track 1, this frame")
    expect(part).to_have_value("all")
    (edit,) = read_edits(sidecar_path(folder / "out" / "face.mp4")).log
    assert isinstance(edit, RemovedTrack) and edit.start == edit.end == 17 / 25
    page.keyboard.press("g")
    page.evaluate(f"location.hash = '#{client.video(OTHER)}'")
    expect(page.get_by_role("heading", name="other.mp4")).to_be_visible()
    expect(part).to_have_value("all")
    at(page, 0)


def test_a_face_that_is_drawn_in_another_stream_is_neither_changed_nor_lost(page: Page) -> None:
    """Another stream may have fewer frames: a fixed region would end with them."""
    drag(page, (20, 20), (60, 60))
    draft = page.locator(".draft").first
    expect(draft).to_contain_text("frames 0 to 0")
    page.evaluate("import('/page/store.js').then((store) => store.setState({ stream: 1 }))")
    for key in "f]k":
        page.keyboard.press(key)
        said(page, "the face is drawn in stream 0")
    shown = "{ ...store.getState().shown, stream: 1 }"
    page.evaluate(f"import('/page/store.js').then((store) => store.setState({{ shown: {shown} }}))")
    drag(page, (90, 90), (120, 120))
    said(page, "save the face that is drawn (Enter), or discard it (Esc)")
    expect(draft).to_contain_text("frames 0 to 0, 1 keyframe")
    page.keyboard.press("Escape")
