"""The edits of a video as lines that people read."""

from __future__ import annotations

from faceblur.redaction.edit_operations import AddedFace, MaskedTrack, Operation, RemovedTrack, SparedTrack, Undo
from faceblur.redaction.edits import FIRST_LINE, Edits
from faceblur.web.models import EditInfo


def edit_infos(edits: Edits) -> list[EditInfo]:
    """Every edit, in the order in which they were made."""
    undone = {one.line for one in edits.log if isinstance(one, Undo)}
    return [
        EditInfo(
            line=number,
            op=one.op,
            text=_text(one, edits),
            by=one.by,
            at=one.at,
            reason=one.reason,
            is_undone=number in undone,
        )
        for number, one in enumerate(edits.log, FIRST_LINE)
    ]


def _text(one: Operation, edits: Edits) -> str:
    match one:
        case AddedFace():
            return f"a face added, {one.start:g} to {one.end:g} s"
        case RemovedTrack():
            return f"track {one.track} is no face"
        case SparedTrack():
            return f"track {one.track} stays visible"
        case MaskedTrack():
            return f"track {one.track} is masked"
        case Undo():
            return f"undone: {_text(edits.log[one.line - FIRST_LINE], edits)}"
