"""The review page in a browser: fixtures that open it, and what a person does with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
TOKEN = "a-token-of-the-tests"
WAIT = 60_000  # milliseconds
expect.set_options(timeout=WAIT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A module's own: its event loop must not run in other tests."""
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is missing")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@contextmanager
def opened(browser: Browser, server: str) -> Iterator[Page]:
    """The page of the video, opened from the list; nothing may go wrong in it that nobody sees."""
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(WAIT)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        page.goto(f"{server}/?token={TOKEN}")
        assert TOKEN not in page.url
        page.get_by_role("link", name="face.mp4").click()
        expect(page.locator(".still img")).to_have_attribute("alt", "frame 0 of the source")
        yield page
        assert not faults


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    with opened(browser, server) as page:
        yield page


def sign(page: Page) -> None:
    """Give the name that is asked for before the first edit."""
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Name").press("Enter")


def said(page: Page, text: str) -> None:
    expect(page.get_by_role("status")).to_contain_text(text)


def at(page: Page, frame: int) -> None:
    expect(page.locator(".still img")).to_have_attribute("alt", re.compile(f"frame {frame} of"))


def chip(page: Page) -> Locator:
    return page.locator(".chip")


def drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag on the still, from and to places in the video's pixels."""
    box = page.locator(".still svg").bounding_box()
    assert box is not None
    scale = min(box["width"] / 320, box["height"] / 240)
    left, top = box["x"] + (box["width"] - 320 * scale) / 2, box["y"] + (box["height"] - 240 * scale) / 2
    page.mouse.move(left + begin[0] * scale, top + begin[1] * scale)
    page.mouse.down()
    page.mouse.move(left + end[0] * scale, top + end[1] * scale, steps=4)
    page.mouse.up()
