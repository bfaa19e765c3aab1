"""The edits that a request asks for: frames become times, and a face that moves becomes boxes that hold it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from faceblur.base.errors import UsageError
from faceblur.redaction.edit_operations import (
    MAX_EDITS,
    AddedFace,
    MaskedTrack,
    Operation,
    RemovedTrack,
    SparedTrack,
    TrackEdit,
    Undo,
)
from faceblur.tracking.boxes import Box, hull, interpolate, rounded
from faceblur.web.models import AddRequest, BoxInFrame, EditsRequest, TrackRequest, UndoRequest

OF_TRACKS: Mapping[str, type[TrackEdit]] = {
    "mask-track": MaskedTrack,
    "remove-track": RemovedTrack,
    "spare-track": SparedTrack,
}
# When each frame of a stream is shown, in seconds as a player of the output counts them.
Times = Mapping[int, Sequence[float]]
# A moving face is masked by one box for so many frames: it holds the face in each of them.
FRAMES_OF_A_BOX = 3


def operations(request: EditsRequest, times: Times) -> list[Operation]:
    """The operations to append. Raises UsageError."""
    found: list[Operation] = []
    for one in request.operations:
        match one:
            case TrackRequest():
                if one.op == "spare-track" and not (request.reason or "").strip():
                    raise UsageError("to leave a face visible takes a reason")
                found.append(_of_track(one, times.get(one.stream, ())))
            case UndoRequest():
                found.append(Undo(one.line))
            case AddRequest():
                found += _added(one, times.get(one.stream, ()))
        if len(found) > MAX_EDITS:
            raise UsageError(f"more than {MAX_EDITS} edits")
    return found


def _of_track(request: TrackRequest, times: Sequence[float]) -> TrackEdit:
    first, last = request.first_frame, request.last_frame
    if not 0 <= (first or 0) <= (len(times) - 1 if last is None else last) < len(times):
        raise UsageError(
            f"stream {request.stream} has no frames from {first or 0} to {'its end' if last is None else last}"
        )
    start, end = (None if frame is None else round(times[frame], 3) for frame in (first, last))
    return OF_TRACKS[request.op](request.track, request.stream, start=start, end=end)


def _added(request: AddRequest, times: Sequence[float]) -> Iterator[AddedFace]:
    first, last, stream = request.first_frame, request.last_frame, request.stream
    keyframes = sorted(request.keyframes, key=lambda one: one.frame)
    if not first <= last < len(times):
        raise UsageError(f"stream {stream} has no frames from {first} to {last}")
    if len({one.frame for one in keyframes}) < len(keyframes):
        raise UsageError("two keyframes are of one frame")
    boxes = [_box_at(keyframes, number) for number in range(first, last + 1)]
    size = len(boxes) if len(set(boxes)) == 1 else FRAMES_OF_A_BOX
    for begin in range(0, len(boxes), size):
        part = boxes[begin : begin + size]
        start, end = times[first + begin], times[first + begin + len(part) - 1]
        yield AddedFace(rounded(hull(part)), round(start, 3), round(end, 3), stream)


def _box_at(keyframes: Sequence[BoxInFrame], number: int) -> Box:
    after = bisect_left(keyframes, number, key=lambda one: one.frame)
    one, other = keyframes[max(after - 1, 0)], keyframes[min(after, len(keyframes) - 1)]
    if one is other:
        return one.box
    return interpolate(one.box, other.box, (number - one.frame) / (other.frame - one.frame))
