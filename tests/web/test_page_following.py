"""A face that is drawn on the page is followed by a key, corrected, and saved."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, Route, expect

from faceblur.redaction.edit_operations import AddedFace
from faceblur.redaction.edits import read_edits
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.tracking.boxes import Box
from tests.support.faces import box_iou
from tests.web.browsing import at, drag, said, sign
from tests.web.moving_face import COVERED, CUT, FRAMES, made, true_box  # noqa: F401 (a fixture)

BEGUN = 45


def draw(page: Page, box: Box) -> None:
    field = page.get_by_role("spinbutton")
    field.fill(str(BEGUN))
    field.press("Enter")
    at(page, BEGUN)
    page.locator("h1").click()
    drag(page, box[:2], box[2:])
    expect(page.locator(".drawn.keyframe")).to_have_count(1)


def drawn(page: Page) -> list[float]:
    rect = page.locator(".drawn rect")
    x, y, width, height = (float(rect.get_attribute(one) or "") for one in ("x", "y", "width", "height"))
    return [x, y, x + width, y + height]


def added(folder: Path) -> list[AddedFace]:
    edits = read_edits(sidecar_path(folder / "out" / "face.mp4")).operations
    return [one for one in edits if isinstance(one, AddedFace)]


def test_one_box_masks_a_face_in_all_frames(page: Page, folder: Path) -> None:
    draw(page, true_box(BEGUN))
    page.keyboard.press("t")
    said(page, f"followed from frame {CUT} (a cut) to frame {COVERED - 1} (lost there)")
    number = COVERED - CUT - 1
    expect(page.locator(".draft").first).to_contain_text(
        f"frames {CUT} to {COVERED - 1}, 1 keyframe, {number} followed"
    )
    page.keyboard.press(".")
    at(page, BEGUN + 1)
    expect(page.locator(".drawn")).to_have_class(re.compile("followed"))
    assert not added(folder)
    page.keyboard.press("Enter")
    sign(page)
    said(page, f"saved: a face in frames {CUT} to {COVERED - 1}")
    faces = added(folder)
    for frame in range(FRAMES):
        found = [one.box for one in faces if one.start - 0.001 <= frame / 25 <= one.end + 0.001]
        assert len(found) == (CUT <= frame < COVERED), frame
        assert all(box_iou(np.array(one), np.array(true_box(frame))) > 0.5 for one in found), frame


def test_a_keyframe_and_a_set_end_of_the_person_stay(page: Page) -> None:
    draw(page, true_box(BEGUN))
    page.keyboard.press(">")
    at(page, BEGUN + 10)
    drag(page, (200, 10), (260, 70))  # another place, which no machine would choose
    box = drawn(page)
    for _ in range(10):
        page.keyboard.press(",")
    at(page, BEGUN)
    for _ in range(4):
        page.keyboard.press(",")
    at(page, BEGUN - 4)
    page.keyboard.press("[")
    page.keyboard.press("t")  # from the box of this frame, which is a keyframe now
    said(page, f"followed from frame {BEGUN - 4} (your next keyframe or end) to frame {BEGUN - 1} (your next keyframe")
    for _ in range(4):
        page.keyboard.press(".")
    at(page, BEGUN)
    page.keyboard.press("t")
    said(page, f"followed from frame {BEGUN - 3} (your next keyframe or end) to frame {BEGUN + 9} (your next keyframe")
    expect(page.locator(".draft").first).to_contain_text(
        f"frames {BEGUN - 4} to {BEGUN + 10}, 3 keyframes, 12 followed"
    )
    page.keyboard.press(">")
    at(page, BEGUN + 10)
    expect(page.locator(".drawn")).to_have_class(re.compile("keyframe"))
    assert drawn(page) == box


def test_what_is_not_drawn_or_not_followed_yet_is_said(page: Page, folder: Path) -> None:
    page.keyboard.press("t")
    said(page, "draw a face first")
    draw(page, true_box(BEGUN))
    held: list[Route] = []

    def answer(route: Route) -> None:
        if held:
            route.fulfill(status=422, json={"error": {"message": "cannot be read"}})
        else:
            held.append(route)

    page.route("**/follow?*", answer)
    with page.expect_request("**/follow?*"):
        page.get_by_role("button", name="Follow (T)").click()
    expect(page.get_by_role("button", name="Following …")).to_be_disabled()
    page.keyboard.press("t")
    said(page, "still being followed")
    page.get_by_role("button", name="Save (Enter)").click()
    said(page, "not saved: the face is still being followed")
    page.keyboard.press("Escape")
    with page.expect_response("**/follow?*"):
        held[0].continue_()
    expect(page.locator(".draft").first).to_contain_text("Drag on the picture")
    draw(page, (20, 150, 70, 200))
    page.keyboard.press("t")
    said(page, "cannot be read")
    expect(page.get_by_role("button", name="Follow (T)")).to_be_enabled()
    page.keyboard.press(".")
    at(page, BEGUN + 1)
    page.keyboard.press("t")
    said(page, "draw the face in this frame first")
    assert not added(folder)


def test_a_box_that_is_changed_while_it_is_followed_stays(page: Page) -> None:
    draw(page, true_box(BEGUN))
    held: list[Route] = []
    page.route("**/follow?*", lambda route: held.append(route))
    with page.expect_request("**/follow?*"):
        page.keyboard.press("t")
    drag(page, (20, 150), (70, 200))
    box = drawn(page)
    held[0].continue_()
    said(page, "the box was changed while it was followed")
    expect(page.locator(".draft").first).to_contain_text(f"frames {BEGUN} to {BEGUN}, 1 keyframe.")
    assert drawn(page) == box
