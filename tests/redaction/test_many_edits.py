"""A face that a person drew and that moves for minutes is thousands of edits: each is looked at in its own frames."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from faceblur.redaction import settled_edits
from faceblur.redaction.edit_operations import AddedFace, MaskEdit, RemovedTrack
from faceblur.redaction.edits import Edits
from faceblur.redaction.settled_edits import TimedLine, settled
from faceblur.redaction.sidecar_format import FrameLine, SidecarFace

FRAMES, RATE = 3000, 25
FACE = SidecarFace(box=(1.0, 1.0, 9.0, 9.0), track=1)


def lines() -> list[TimedLine]:
    """The lines of two streams in turn."""
    return [
        TimedLine(FrameLine(number, number, [FACE], stream), number / RATE, (number + 1) / RATE)
        for number in range(FRAMES)
        for stream in (0, 1)
    ]


def test_edits_in_any_order_are_checked_in_a_few_frames_each(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [(number / RATE, (number + 2) / RATE) for number in range(0, FRAMES, 3)]
    edits = [AddedFace((1.0, 2.0, 3.0, 4.0), start, end, stream) for start, end in times for stream in (0, 1)]
    edits += [AddedFace((5.0, 5.0, 9.0, 9.0), 0.0, FRAMES / RATE), AddedFace((5.0, 5.0, 9.0, 9.0), 100.01, 100.02)]
    operations = [*edits, RemovedTrack(1, 1, start=50.0), RemovedTrack(1, 0)]
    random.Random(0).shuffle(operations)
    looks, begun = [], settled_edits._begun

    def look(one: MaskEdit, timed: TimedLine, priming: float) -> MaskEdit | None:
        looks.append(one)
        return begun(one, timed, priming)

    monkeypatch.setattr(settled_edits, "_begun", look)
    found = settled(Path("x"), lines(), operations)
    assert len(looks) < 5 * len(operations) + FRAMES  # one edit waits for its track
    assert [one.start for one in found if isinstance(one, AddedFace) and one.start == 100.0]  # 100.01, in mid-frame
    same = [one for one, before in zip(found, operations, strict=True) if one == before]
    assert len(same) == len(operations) - 1


def test_each_frame_gets_the_faces_of_its_time() -> None:
    edits = Edits(AddedFace((float(n), 0.0, n + 5.0, 5.0), n / RATE, (n + 1) / RATE, n % 2) for n in range(FRAMES))
    for line, since, _ in random.Random(1).sample(lines(), 100):
        added = [face.box[0] for face in edits.fold(line, since).faces if face.track is None]
        assert added == [n for n in (line.frame - 1, line.frame) if n >= 0 and n % 2 == line.stream]
