"""The review page for who works by keys alone, or in a small window."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.browsing import at, said


def test_a_dialog_gives_the_focus_back(page: Page) -> None:
    button = page.get_by_role("button", name="Audit again")
    button.focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_without_an_edit_to_undo_nobody_is_asked_for_a_name(page: Page) -> None:
    page.keyboard.press("z")
    said(page, "there is no edit to undo")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press(".")
    at(page, 1)
    expect(page.get_by_role("status")).to_be_empty()


def test_a_small_window_has_a_still_too(page: Page) -> None:
    """As one of 1024x700 pixels at 150 %."""
    page.set_viewport_size({"width": 683, "height": 467})
    still = page.locator(".still").bounding_box()
    assert still is not None
    assert still["width"] > 200 and still["height"] > 150
