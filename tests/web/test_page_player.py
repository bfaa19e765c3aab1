"""The output plays on the page: with outlines, and the page is at the frame that is shown."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.browsing import at, said
from tests.web.conftest import FRAMES, Client


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
