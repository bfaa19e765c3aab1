"""The review page in a real browser: what a person sees, types and drags, and what of it is on the disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from faceblur.redaction.edit_operations import AddedFace
from faceblur.redaction.edits import read_edits
from faceblur.redaction.sidecar_files import sidecar_path
from tests.web.browsing import at, chip, drag, said, sign
from tests.web.conftest import FRAMES, Client


def test_tracks_are_edited_by_keys_and_undone(page: Page, folder: Path) -> None:
    page.keyboard.press("x")
    said(page, "select a track first")
    chip(page).get_by_role("button").click()
    page.keyboard.press("x")
    sign(page)
    said(page, "saved: track 1")
    expect(chip(page)).to_have_class(re.compile("removed"))
    expect(page.locator("header")).to_contain_text("edits are not in the output yet")
    page.keyboard.press("s")
    page.get_by_label("Reason").fill("she consented")
    page.get_by_role("button", name="Save").click()
    expect(chip(page)).to_have_class(re.compile("spared"))
    expect(page.locator(".log li").first).to_contain_text("track 1 stays visible: she consented")
    expect(page.locator(".log li").first).to_contain_text("ann")
    expect(page.locator(".face")).to_have_class(re.compile("spared"))
    page.keyboard.press("z")
    said(page, "undone: track 1 stays visible")
    page.keyboard.press("z")
    expect(page.locator(".log .undone")).to_have_count(2)
    expect(chip(page)).to_have_class(re.compile("spared"))  # as the run has it, in its first frames
    assert [one.op for one in read_edits(sidecar_path(folder / "out" / "face.mp4")).log] == [
        *("remove-track", "spare-track"),
        *("undo", "undo"),
    ]


def test_a_part_of_a_track_is_edited_and_the_next_edit_is_of_all_again(page: Page, folder: Path) -> None:
    part = page.get_by_label("Part of the tracks")
    chip(page).locator("button").click()
    page.keyboard.press("Home")
    for _ in range(2):
        page.keyboard.press(">")
    at(page, 20)
    page.keyboard.press("g")
    expect(part).to_have_value("frame")
    page.keyboard.press("g")
    page.keyboard.press("x")
    sign(page)
    said(page, "saved: track 1, from this frame on")
    expect(page.locator(".face")).to_have_class(re.compile("removed"))
    page.keyboard.press(",")
    at(page, 19)
    expect(page.locator(".face")).not_to_have_class(re.compile("removed"))
    expect(part).to_have_value("all")
    page.keyboard.press("x")
    said(page, "saved: track 1")
    expect(chip(page)).to_have_class(re.compile("removed"))
    edits = read_edits(sidecar_path(folder / "out" / "face.mp4")).operations
    assert [(one.op, one.start, one.end) for one in edits] == [
        ("remove-track", 0.8, None),
        ("remove-track", None, None),
    ]


def test_a_drawn_face_becomes_a_fixed_region(page: Page, folder: Path) -> None:
    drag(page, (20, 150), (70, 200))
    page.keyboard.press("f")
    expect(page.locator(".draft").first).to_contain_text(f"frames 0 to {FRAMES - 1}, 1 keyframe")
    page.keyboard.press("Enter")
    sign(page)
    said(page, f"saved: a face in frames 0 to {FRAMES - 1}")
    (region,) = read_edits(sidecar_path(folder / "out" / "face.mp4")).operations
    assert isinstance(region, AddedFace) and (region.start, region.end) == (
        0,
        pytest.approx((FRAMES - 1) / 25, abs=1e-3),
    )


def test_a_missed_face_is_drawn_at_two_keyframes(page: Page, folder: Path) -> None:
    page.get_by_label("frame", exact=True).last.fill("4")
    page.keyboard.press("Tab")
    at(page, 4)
    page.locator("h1").click()
    drag(page, (20, 150), (70, 200))
    expect(page.locator(".draft").first).to_contain_text("frames 4 to 4, 1 keyframe")
    page.keyboard.press(">")
    at(page, 14)
    drag(page, (120, 150), (170, 200))
    expect(page.locator(".draft").first).to_contain_text("frames 4 to 14, 2 keyframes")
    page.keyboard.press(",")
    at(page, 13)
    expect(page.locator(".drawn")).not_to_have_class(re.compile("keyframe"))
    page.keyboard.press("]")
    page.keyboard.press("Enter")
    sign(page)
    said(page, "saved: a face in frames 4 to 13")
    expect(page.locator(".face.added")).to_have_count(1)
    edits = read_edits(sidecar_path(folder / "out" / "face.mp4")).operations
    faces = [one for one in edits if isinstance(one, AddedFace)]
    assert faces[0].start == pytest.approx(4 / 25, abs=0.01) and faces[-1].end == pytest.approx(13 / 25, abs=0.01)
    assert faces[0].box[0] == pytest.approx(20, abs=2) and faces[-1].box[2] == pytest.approx(160, abs=3)
    assert len(faces) == 4 and all(one.by == "ann" for one in faces)
    expect(page.locator(".log li")).to_have_count(1)
    page.keyboard.press("z")
    said(page, "undone: a face added, 0.16 s to 0.52 s")
    expect(page.locator(".face.added")).to_have_count(0)
    expect(page.locator(".log li")).to_have_count(2)
    assert not read_edits(sidecar_path(folder / "out" / "face.mp4"))


def test_a_drawn_face_is_moved_resized_and_discarded(page: Page, folder: Path) -> None:
    drag(page, (100, 150), (160, 210))
    rect = page.locator(".drawn rect")
    drag(page, (130, 180), (150, 190))
    expect(rect).to_have_attribute("x", re.compile(r"^1(19|20)"))
    drag(page, (180, 220), (200, 235))  # a corner
    expect(rect).to_have_attribute("width", re.compile(r"^(79|80)"))
    page.keyboard.press("Escape")
    expect(page.locator(".drawn")).to_have_count(0)
    assert not read_edits(sidecar_path(folder / "out" / "face.mp4"))


def test_findings_are_judged_one_after_the_other(page: Page, client: Client) -> None:
    expect(page.locator("header")).to_contain_text("0 of 1 findings reviewed")
    page.keyboard.press("n")
    expect(page.locator(".pair img")).to_have_count(2)
    for image in page.locator(".pair img").all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalHeight") == 180
    page.keyboard.press("2")
    sign(page)
    said(page, "every finding is judged")
    expect(page.locator("header")).to_contain_text("1 of 1 findings reviewed")
    (finding,) = client.get(client.video()).json()["findings"]
    assert finding["verdict"] == "mask"
    assert [one["op"] for one in client.get(client.video()).json()["log"]] == ["mask-track"]


def test_applying_writes_the_output_and_shows_it(page: Page, folder: Path) -> None:
    written = (folder / "out" / "face.mp4").read_bytes()
    chip(page).get_by_role("button").click()
    page.keyboard.press("c")
    sign(page)
    said(page, "saved: track 1")
    page.get_by_role("button", name="Apply the edits").click()
    said(page, "done")
    expect(page.locator("header")).not_to_contain_text("not in the output yet")
    assert (folder / "out" / "face.mp4").read_bytes() != written
    page.keyboard.press("l")
    expect(page.locator(".still img")).to_have_attribute("alt", re.compile("of the output"))


def test_what_another_person_edited_meanwhile_is_loaded_and_said(page: Page, client: Client) -> None:
    chip(page).get_by_role("button").click()
    page.keyboard.press("c")
    expect(page.get_by_label("Name")).to_be_visible()
    client.edit({"op": "remove-track", "track": 1})  # not before: a page that gets the focus loads it
    sign(page)
    said(page, "edited at the same time")
    expect(chip(page)).to_have_class(re.compile("removed"))
    assert [one["by"] for one in client.get(client.video()).json()["log"]] == ["ann"]


def test_keys_step_and_leave_fields_alone(page: Page) -> None:
    page.keyboard.press(".")
    at(page, 1)
    page.keyboard.press("End")
    at(page, FRAMES - 1)
    page.keyboard.press(".")
    at(page, FRAMES - 1)
    page.keyboard.press("<")
    at(page, FRAMES - 11)
    field = page.get_by_role("spinbutton")
    field.fill("12")
    page.evaluate(
        "import('/page/store.js').then(({ setState }) => setState({ version: 1 }))"
    )  # as a job's progress does
    field.press("Tab")
    at(page, 12)
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("the next finding that is open")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".face")).to_have_count(1)
    page.keyboard.press("o")
    expect(page.locator(".face")).to_have_count(0)
    page.locator(".timeline svg").click(position={"x": 5, "y": 20})
    at(page, 0)
    page.get_by_role("link", name="All videos").click()
    expect(page.get_by_role("heading", name="Videos to review")).to_be_visible()
