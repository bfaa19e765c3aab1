"""Which tracks are asked about, when, and what the answers say."""

from __future__ import annotations

import pytest

from faceblur.tracking.boxes import Box, Detection
from faceblur.tracking.doubtful_tracks import CERTAIN, CONFIRMED, MODERATE, REJECTED, WEAK, Question, Verdicts
from faceblur.tracking.tracker import Tracker, WindowedFrame

BOX: Box = (100.0, 100.0, 140.0, 140.0)
FPS = 30


def follow(scores: list[float | None], *, verifies: bool = True) -> list[WindowedFrame]:
    """What the tracker gives back when one thing is detected with these scores."""
    tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0.4, verifies=verifies)
    out: list[WindowedFrame] = []
    for index, score in enumerate(scores):
        detections = [] if score is None else [Detection(BOX, score)]
        out += tracker.push(WindowedFrame(seconds=index / FPS, detections=detections, is_searched=True))
    return [*out, *tracker.flush()]


def questions(frames: list[WindowedFrame]) -> list[Question[WindowedFrame]]:
    return list({id(one): one for frame in frames for one in frame.doubts.values()}.values())


def test_a_doubtful_track_is_asked_about_once_by_its_best_frames_in_the_window() -> None:
    frames = follow([None] * 5 + [0.1, 0.35, 0.5, 0.2, 0.3, 0.31] + [None] * 20)
    (one,) = questions(frames)
    # Frames that follow each other show the same: those of 0.35 and 0.3 are too near to others.
    assert one.score == 0.5 and one.seen == [(frames[7], BOX), (frames[10], BOX)]
    assert one.times == {frames[7].seconds, frames[10].seconds}
    assert [1 in frame.doubts for frame in frames] == [1 in frame.masks for frame in frames]  # and where it is lost


def test_a_certain_track_is_not_asked_about_and_becomes_certain_before_the_frame_that_says_so() -> None:
    assert questions(follow([CERTAIN] * 20)) == []
    assert questions(follow([0.4, 0.4, 0.4, 0.96, 0.4] + [0.4] * 20)) == []
    late = follow([0.4] * 30 + [0.96] + [0.4] * 30)
    assert [bool(frame.doubts) for frame in late] == [True] * 6 + [False] * 55  # 0.8 s ahead: 24 frames
    assert questions(follow([0.4] * 40, verifies=False)) == []


def test_a_track_is_asked_about_again_after_a_second_and_as_soon_as_it_scores_higher() -> None:
    asked = questions(follow([0.4] * 100))
    assert [round(one.asked_at * FPS) for one in asked] == [0, 30, 60, 90]
    asked = questions(follow([0.31] * 40 + [0.5] + [0.31] * 2))
    # 0.8 s before the frame that scores higher: 24 frames, and one more for the rounding of the times.
    assert [one.score for one in asked] == [0.31, 0.5] and round(asked[1].asked_at * FPS) in (15, 16)


def test_nothing_is_asked_about_another_scene() -> None:
    tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0.4, verifies=True)
    out: list[WindowedFrame] = []
    for index in range(20):
        score = 0.4 if index < 6 else 0.96
        frame = WindowedFrame(seconds=index / FPS, detections=[Detection(BOX, score)], cut=index == 6)
        out += tracker.push(frame)
    out += tracker.flush()
    assert [bool(frame.doubts) for frame in out] == [True] * 6 + [False] * 14


@pytest.mark.parametrize(("may_be_cut", "asked_at"), [(True, [0, 30, 45, 75]), (False, [0, 30, 60])])
def test_what_was_no_face_is_asked_about_at_once_where_a_new_scene_may_begin(
    may_be_cut: bool, asked_at: list[int]
) -> None:
    """A cut between frames of like colours is none to the tracker: a face may be where there was none."""
    tracker: Tracker[WindowedFrame] = Tracker(threshold=0.3, look_around=0.4, verifies=True)
    out: list[WindowedFrame] = []
    for index in range(90):
        detections = [Detection(BOX, 0.85 if index < 45 else 0.82)]
        frame = WindowedFrame(seconds=index / FPS, detections=detections, is_searched=True)
        frame.may_be_cut = may_be_cut and index == 45
        out += tracker.push(frame)
    out += tracker.flush()
    assert [round(one.asked_at * FPS) for one in questions(out)] == asked_at
    if may_be_cut:
        assert min(out[45].doubts[1].times) == out[45].seconds


def test_no_more_frames_are_looked_at_than_there_are_values() -> None:
    (one,) = questions(follow([0.4] * 24))
    assert len(one.seen) == len(REJECTED) == 3


def answered(answer: float | None, *seconds: float, score: float = 0.4) -> Question[WindowedFrame]:
    return Question([(WindowedFrame(seconds=one), BOX) for one in seconds or (0.0,)], score, 0.0, answer)


def test_what_the_answers_say() -> None:
    verdicts = Verdicts()
    assert verdicts.rejected({1: answered(0.0), 2: answered(None), 3: answered(REJECTED[0])}) == {1: 0.0}
    assert verdicts.rejected({1: answered(0.05), 2: answered(0.01)}) == {1: 0.05, 2: 0.01}
    assert verdicts.rejected({1: answered(CONFIRMED)}) == {}
    assert verdicts.rejected({1: answered(0.0)}) == {}  # it was a face once
    assert verdicts.rejected({}) == {}
    assert verdicts.rejected({1: answered(0.0)}) == {}  # also after a frame without it
    assert Verdicts().rejected({}) == {}


def test_the_more_frames_are_looked_at_the_more_is_rejected() -> None:
    for looks, limit in enumerate(REJECTED, 1):
        times = [0.2 * one for one in range(looks)]
        assert Verdicts().rejected({1: answered(limit, *times)}) == {}
        assert Verdicts().rejected({1: answered(limit - 0.01, *times)}) == {1: limit - 0.01}
    assert list(REJECTED) == sorted(REJECTED) and REJECTED[-1] < CONFIRMED


def test_low_scores_in_one_frame_alone_are_rejected_as_in_three() -> None:
    below, weak = REJECTED[-1] - 0.01, WEAK - 0.01
    assert Verdicts().rejected({1: answered(below, score=weak)}) == {1: below}
    assert Verdicts().rejected({1: answered(REJECTED[-1], score=weak)}) == {}
    assert Verdicts().rejected({1: answered(below, score=WEAK)}) == {}
    assert Verdicts().rejected({1: answered(below, 0.0, 0.2, score=weak)}) == {}  # two frames are no flash


def test_the_ends_of_a_track_are_what_is_masked_more_than_half_of_the_look_around_from_a_detection() -> None:
    frames = follow([None] * 15 + [0.4] + [None] * 8 + [0.4] + [None] * 15)
    masked = [index for index, frame in enumerate(frames) if 1 in frame.masks]
    assert (masked[0], masked[-1]) == (3, 36)
    assert [index for index, frame in enumerate(frames) if frame.ends] == [*range(3, 9), *range(31, 37)]


def test_only_a_track_that_never_scored_high_and_no_answer_confirms_is_unconfirmed() -> None:
    between, ends = (REJECTED[-1] + CONFIRMED) / 2, [1, 2, 3, 4, 5]
    verdicts = Verdicts()
    verdicts.rejected({1: answered(between), 2: answered(CONFIRMED), 3: answered(between, score=MODERATE)})
    assert verdicts.unconfirmed(ends) == [1]
    verdicts.rejected({1: answered(between, score=MODERATE), 2: answered(between), 4: answered(None)})
    assert verdicts.unconfirmed(ends) == []
    verdicts.rejected({1: answered(between), 5: answered(between)})
    assert verdicts.unconfirmed(ends) == [5]  # the first one scored higher before


def test_what_was_looked_at_before_counts() -> None:
    verdicts, between = Verdicts(), (REJECTED[0] + REJECTED[2]) / 2
    assert verdicts.rejected({1: answered(between, 0.0)}) == {}
    assert verdicts.rejected({1: answered(0.0, 0.0)}) == {}  # the same frame again
    assert verdicts.rejected({1: answered(0.0, 1.0, 2.0)}) == {1: between}  # three frames
    assert verdicts.rejected({1: answered(None, 3.0)}) == {}  # no answer: it is masked, and what was seen is forgotten
    assert verdicts.rejected({1: answered(between, 4.0)}) == {}
    assert verdicts.rejected({1: answered(REJECTED[2], 5.0, 6.0)}) == {}


def test_what_was_rejected_when_it_was_seen_better_stays_so_while_it_is_seen_worse() -> None:
    times, below, between = (0.0, 0.2, 0.4), REJECTED[2] - 0.01, (REJECTED[2] + CONFIRMED) / 2
    better, worse = answered(below, *times, score=WEAK), answered(between, 1.0, score=WEAK - 0.01)
    verdicts = Verdicts()
    assert (
        verdicts.rejected({1: better}) == verdicts.rejected({1: worse}) == verdicts.rejected({1: worse}) == {1: below}
    )
    assert verdicts.rejected({1: answered(between, 2.0, score=WEAK)}) == {}  # as good as before
    confirmed, cut, weak = Verdicts(), Verdicts(), Verdicts()
    assert confirmed.rejected({1: better}) == cut.rejected({1: better}) == {1: below}
    assert confirmed.rejected({1: answered(CONFIRMED, 1.0, score=0.1)}) == {}
    assert cut.rejected({1: worse}, may_be_cut=True) == {}
    assert weak.rejected({1: answered(below, *times, score=WEAK - 0.01)}) == {1: below}  # it was not seen well before
    assert weak.rejected({1: worse}) == {}
