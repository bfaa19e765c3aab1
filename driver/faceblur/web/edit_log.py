"""The edits of a video as lines that people read."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import groupby

from faceblur.base.time_span import TimeSpan
from faceblur.redaction.edit_operations import (
    AddedFace,
    MaskedTrack,
    Operation,
    RemovedTrack,
    SparedTrack,
    Undo,
)
from faceblur.redaction.edits import FIRST_LINE, Edits
from faceblur.web.models import EditInfo


def edit_infos(edits: Edits) -> list[EditInfo]:
    """Every edit, in the order in which they were made. The boxes of a face that moves are one."""
    undone = {one.line for one in edits.log if isinstance(one, Undo)}
    infos = []
    for _, group in groupby(enumerate(edits.log, FIRST_LINE), key=lambda numbered: _made_together(numbered, edits)):
        numbered = list(group)
        (line, one), (_, last) = numbered[0], numbered[-1]
        counting = [number for number, _ in numbered if number not in undone]
        infos.append(
            EditInfo(
                line=line,
                lines=counting or [number for number, _ in numbered],
                op=one.op,
                text=_text(one, last, edits),
                by=one.by,
                at=one.at,
                reason=one.reason,
                is_undone=not counting,
            )
        )
    return infos


def _made_together(numbered: tuple[int, Operation], edits: Edits) -> Hashable:
    """The same for the boxes that one call added, and for what undid them: else the line's own number."""
    number, one = numbered
    of = edits.log[one.line - FIRST_LINE] if isinstance(one, Undo) else one
    return (one.op, one.by, one.at, of.at, of.stream) if isinstance(of, AddedFace) and one.at else number


def _when(start: float | None, end: float | None) -> str:
    span = TimeSpan.of(start, end)
    if span is None:
        return ""
    return f", at {span.start:g} s" if span.start == span.end else f", {span}"


def _text(one: Operation, last: Operation, edits: Edits) -> str:
    match one, last:
        case AddedFace(), AddedFace():
            return f"a face added{_when(min(one.start, last.start), max(one.end, last.end))}"
        case RemovedTrack(), _:
            return f"track {one.track} is no face{_when(one.start, one.end)}"
        case SparedTrack(), _:
            return f"track {one.track} stays visible{_when(one.start, one.end)}"
        case MaskedTrack(), _:
            return f"track {one.track} is masked{_when(one.start, one.end)}"
        case Undo(), Undo():
            return f"undone: {_text(edits.log[one.line - FIRST_LINE], edits.log[last.line - FIRST_LINE], edits)}"
    raise AssertionError(f"{one.op} and {last.op} are not made together")
