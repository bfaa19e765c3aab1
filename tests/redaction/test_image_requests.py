"""What is sent of images, and what is computed for them, through a function whose requests are counted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from examples.sample_clip import Image
from faceblur.base.options import Options
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.image_run import ImageRun
from faceblur.jobs.report import Report
from faceblur.media.images.page import Page
from faceblur.redaction.image_frame import PageFrame
from faceblur_function import wire
from faceblur_function.defaults import MAX_FRAMES
from faceblur_function.detectors.detector import Detector
from faceblur_function.images import decode_image
from tests.support.no_faces import no_faces


def redact(path: Path, out: Path, options: Options) -> tuple[Report, list[int]]:
    counts: list[int] = []

    async def run() -> Report:
        async with no_faces(counts) as server:
            return await ImageRun([path], out, options, Endpoint(urls=(server.url,))).execute()

    return asyncio.run(run()), counts


def test_no_request_has_more_images_than_the_function_takes(tmp_path: Path) -> None:
    # Each page of this animation is searched twice: its alpha channel holds an image of its own.
    random = np.random.default_rng(1)
    pages = [PIL.Image.fromarray(random.integers(0, 255, (32, 32, 4), np.uint8), "RGBA") for _ in range(MAX_FRAMES)]
    path = tmp_path / "moving.png"
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=40)
    report, counts = redact(path, tmp_path / "out", Options(batch_size=MAX_FRAMES))
    assert report.ok, report.failed
    assert sum(counts) == 2 * MAX_FRAMES
    assert max(counts) <= MAX_FRAMES


@pytest.mark.parametrize(("name", "views_of_a_page"), [("pages.tif", 1), ("moving.png", 2)])
def test_only_frames_of_animations_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, views_of_a_page: int
) -> None:
    # A view is a copy of the page in 8 bits. It is needed for the JPEG, and once more for a thumbnail.
    calls: list[Page] = []
    views = Page.views

    def counted(page: Page) -> list[Any]:
        calls.append(page)
        return views(page)

    monkeypatch.setattr(Page, "views", counted)
    pages = [PIL.Image.fromarray(np.full((40, 60, 3), shade, np.uint8)) for shade in (20, 120, 220)]
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:], duration=40)
    report, _ = redact(tmp_path / name, tmp_path / "out", Options())
    assert report.ok, report.failed
    assert len(calls) == views_of_a_page * len(pages)


def test_faces_of_an_image_that_is_searched_smaller_lie_where_it_shows_them(
    face: Image, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faceblur.redaction.image_frame.LARGE", 256)
    frame = PageFrame(page=Page(face, None), is_animated=False, stream=0, number=0, seconds=0.0)
    small = decode_image(*frame.encode())
    assert small.shape == (256, 256, 3)
    (box,) = detector.detect([small], threshold=0.8)[0].xyxy.tolist()
    frame.add_detections([[wire.Face(box=tuple(box), score=0.9)]], [None])
    assert frame.detections[0].box == pytest.approx((178, 57, 273, 177), abs=12)
    # A side is a whole number of pixels: width and height may shrink differently.
    monkeypatch.setattr("faceblur.redaction.image_frame.LARGE", 122)
    frame = PageFrame(page=Page(face[:100, :301], None), is_animated=False, stream=0, number=0, seconds=0.0)
    frame.encode()
    assert frame.scales == [(301 / 122, 100 / 40)]
