"""The output plays on the page: with outlines, and the page is at the frame that is shown."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.browsing import at, said
from tests.web.conftest import FRAMES, Client

SHOWN = re.compile("/faces[?]stream=0&start=")


def paused_at(page: Page, seconds: float) -> None:
    """Have the player show the frame of a time."""
    page.locator("video").evaluate("(video, seconds) => { video.pause(); video.currentTime = seconds; }", seconds)


def frame_is(page: Page, frame: int) -> None:
    expect(page.get_by_role("spinbutton")).to_have_value(str(frame))


def test_it_plays_from_the_frame_on_the_stage_to_the_one_where_it_is_stopped(page: Page) -> None:
    page.keyboard.press("End")
    at(page, FRAMES - 1)
    page.keyboard.press("<")
    at(page, FRAMES - 11)
    page.keyboard.press("p")
    assert page.locator("video").evaluate("video => video.currentTime") >= (FRAMES - 11) / 25
    page.locator("video").click(trial=True)  # its controls are not covered
    paused_at(page, 0.21)
    frame_is(page, 5)
    page.keyboard.press("p")
    at(page, 5)


@pytest.mark.parametrize(("key", "frame"), [(",", 11), (".", 13), (">", 22)])
def test_a_step_while_it_plays_is_from_the_frame_that_is_shown(page: Page, key: str, frame: int) -> None:
    page.keyboard.press("p")
    paused_at(page, 0.49)
    frame_is(page, 12)
    page.keyboard.press(key)
    at(page, frame)


def test_outlines_are_of_the_frame_that_is_shown_and_of_the_edits(page: Page, client: Client) -> None:
    page.keyboard.press("p")
    paused_at(page, 0.05)
    outline = page.locator(".over .face")
    expect(outline).to_have_class(re.compile("spared"))
    paused_at(page, 1)
    frame_is(page, 25)
    expect(outline).not_to_have_class(re.compile("spared"))
    picture, box = page.locator("video").bounding_box(), outline.locator("rect").bounding_box()
    assert picture is not None and box is not None
    assert picture["x"] <= box["x"] and box["x"] + box["width"] <= picture["x"] + picture["width"]
    client.edit({"op": "remove-track", "track": 1})
    page.evaluate("import('/page/actions.js').then(({ refresh }) => refresh())")  # as when the page gets the focus
    expect(outline).to_have_class(re.compile("removed"))
    page.keyboard.press("o")
    expect(outline).to_have_count(0)


def test_an_output_that_the_browser_cannot_play_is_left_to_its_stills(page: Page) -> None:
    page.route("**/media/output**", lambda route: route.fulfill(body=b"no video", content_type="video/mp4"))
    page.keyboard.press(".")
    at(page, 1)
    page.keyboard.press("p")
    said(page, "cannot play")
    at(page, 1)


def test_the_player_is_where_the_still_was(page: Page) -> None:
    """Also where the window is low for the form of its picture, as it is for one of a phone."""
    page.set_viewport_size({"width": 1400, "height": 500})
    page.keyboard.press("p")
    paused_at(page, 1)
    frame_is(page, 25)
    video = page.locator("video").bounding_box()
    played = page.locator(".over .face rect").bounding_box()
    page.keyboard.press("p")
    at(page, 25)
    assert video == page.locator(".still img").bounding_box()
    assert played == page.locator(".still .face rect").bounding_box()


def test_it_plays_from_the_frame_that_was_asked_for_last(page: Page) -> None:
    """Also where the stage does not show that one yet."""
    waiting: list[Route] = []
    page.route("**/frames/12?*", lambda route: waiting.append(route))
    field = page.get_by_role("spinbutton")
    field.fill("12")
    field.press("Enter")
    field.press("Escape")
    page.keyboard.press("p")
    assert page.locator("video").evaluate("video => video.currentTime") >= 12 / 25


def test_no_frame_is_seen_before_the_page_is_at_it(page: Page) -> None:
    waiting: list[Route] = []
    page.route(SHOWN, lambda route: waiting.append(route))
    page.keyboard.press("p")
    paused_at(page, 0.49)
    expect(page.locator(".over .unknown")).to_be_visible()
    page.keyboard.press("p")
    at(page, 0)
    for route in waiting:
        with page.expect_response(SHOWN):
            route.continue_()
    page.keyboard.press(".")
    at(page, 1)


def test_where_the_faces_cannot_be_had_it_stops(page: Page) -> None:
    answer = {"error": {"code": "failed", "message": "the sidecar is gone"}}
    page.route(SHOWN, lambda route: route.fulfill(status=422, json=answer))
    page.keyboard.press("p")
    said(page, "the sidecar is gone")
    expect(page.locator("video")).to_have_count(0)
    at(page, 0)


def test_an_output_that_is_written_again_plays_on(page: Page) -> None:
    page.keyboard.press("p")
    paused_at(page, 0.81)
    frame_is(page, 20)
    with page.expect_response("**/media/output?version=1"):
        page.evaluate("import('/page/store.js').then(({ setState }) => setState({ version: 1 }))")
    loaded = "video => video.readyState > 1 || new Promise((done) => (video.onloadeddata = done))"
    page.locator("video").evaluate(loaded)
    assert page.locator("video").evaluate("video => video.currentTime") >= 0.8
