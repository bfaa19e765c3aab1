"""Which answer of the second detector is whose: each question gets its own, and without a complete one none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from faceblur.base.errors import Unavailable
from faceblur.detection.reply import CheckedReply
from faceblur.redaction.frame import Frame
from faceblur.redaction.threads import FileWork
from faceblur.redaction.verification import Verification
from faceblur.tracking.doubtful_tracks import Question
from faceblur_function import wire
from faceblur_function.defaults import MAX_FRAMES


class Second:
    """A client whose function finds a face with the score that each crop names, and that fails on `fails`."""

    async def send(self, crops: Sequence[bytes], *_: object, **__: object) -> CheckedReply:
        if b"fails" in crops:
            raise Unavailable("no answer")
        faces = [[wire.Face(box=(0, 0, 1, 1), score=float(crop))] if crop else [] for crop in crops]
        return CheckedReply("second", "d", faces, None, {})


def answers(*crops: list[bytes]) -> list[float | None]:
    """What becomes of questions with these crops."""
    client: Any = Second()
    asked = [(Question[Frame]([], 0.4, 0.0), some) for some in crops]
    with ThreadPoolExecutor(1) as codecs:
        asyncio.run(Verification(client, FileWork(Path("a.mp4"), codecs, lambda _: None)).answer(asked))
    return [question.answer for question, _ in asked]


def test_each_question_has_the_best_score_of_its_own_crops() -> None:
    assert answers([b"0.1", b"0.6", b""], [b"0.2"], [b""], [b"0.7", b"0.3"]) == [0.6, 0.2, 0.0, 0.7]


def test_a_question_without_a_complete_answer_has_none() -> None:
    assert answers([b"0.1"], [], [b"0.2"]) == [0.1, None, 0.2]  # its box showed nothing
    whole = [b"0.1"] * (MAX_FRAMES - 1)
    assert answers(whole, [b"0.1", b"fails"], [b"0.2"]) == [0.1, None, None]  # its second crop went with the next ones
