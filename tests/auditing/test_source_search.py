"""Which detector searches what: one that confirms another is independent of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import pytest

from faceblur.auditing.audited_frame import AuditedFrame
from faceblur.auditing.report import AuditDetector
from faceblur.auditing.source_search import Detectors, SourceSearch
from faceblur.detection.reply import CheckedReply
from faceblur.redaction.sidecar_format import FrameLine
from faceblur.tracking.thumbnails import thumbnail
from faceblur_function import wire
from faceblur_function.images import decode_image


class Client:
    """Answers without a face, and keeps what it was asked: the size of each image, and whether it searches alone."""

    def __init__(self, verifier: str) -> None:
        self.verifier = verifier
        self.asked: list[tuple[tuple[int, int], bool | None]] = []

    async def send(self, images: Sequence[bytes], options: wire.RequestOptions, **_: object) -> CheckedReply:
        for image in images:
            height, width = decode_image(image).shape[:2]
            self.asked.append(((width, height), options.alone))
        return CheckedReply("model", "cpu", [[] for _ in images], None, {})


def asked(size_wh: tuple[int, int], *models: tuple[str, str]) -> list[Counter[tuple[tuple[int, int], bool | None]]]:
    """What each detector of these models and verifiers is asked of three frames, the last of which ends an interval."""
    width, height = size_wh
    image = np.zeros((height, width, 3), np.uint8)
    frames = [
        AuditedFrame(
            number,
            0.1 + number / 25,
            image,
            None,
            FrameLine(frame=number, pts=number, stream=0, faces=[]),
            [],
            thumbnail(image, 1.0),
            ends_interval=number == 2,
            shows_new=number == 1,
        )
        for number in range(3)
    ]

    async def compared() -> None:
        pass

    clients = [Client(verifier) for _, verifier in models]
    infos = tuple(AuditDetector(model=model, device="cpu", weights_sha256="0") for model, _ in models)
    with ThreadPoolExecutor(1) as threads:
        search = SourceSearch(Detectors(cast(Any, tuple(clients)), infos), 0.1, threads)
        asyncio.run(search.search(None, frames, compared))
    return [Counter(client.asked) for client in clients]


MOBILENET, CENTERFACE, RESNET = ("mobilenet", "centerface"), ("centerface", ""), ("resnet", "")


def test_the_second_detector_searches_small_frames_under_its_own_name() -> None:
    first, second = asked((240, 160), MOBILENET, CENTERFACE)
    assert sorted(first) == [((240, 160), True), ((480, 320), True)]  # the latter is the look at the enlarged frame
    assert sorted(second) == [((240, 160), None), ((480, 320), None)]


def test_it_does_so_too_where_it_is_named_first() -> None:
    first, second = asked((240, 160), CENTERFACE, MOBILENET)
    assert first == {((240, 160), None): 3, ((480, 320), None): 4}  # each frame, and the look at the enlarged one
    assert sorted(second) == [((240, 160), True)]


def test_larger_frames_are_not_enlarged_for_it() -> None:
    _, second = asked((640, 360), MOBILENET, CENTERFACE)
    assert sorted(second) == [((640, 360), None)]


@pytest.mark.parametrize("models", [[MOBILENET], [MOBILENET, RESNET]])
def test_where_no_other_one_is_the_second_detector_the_function_has_it_search(models: list[tuple[str, str]]) -> None:
    assert {alone for one in asked((240, 160), *models) for _, alone in one} == {None}
