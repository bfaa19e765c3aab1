"""The chapters of a span of a video, and what is reported of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from faceblur.base.counted import counted
from faceblur.base.time_span import TimeSpan


def cut_chapters(chapters: Sequence[Any], span: TimeSpan) -> list[Any]:
    """The chapters that reach into a span, which is in the times of the file, cut to it and moved."""
    kept = []
    for one in chapters:
        start = round(span.start / one["time_base"])
        end = one["end"] if span.end is None else min(one["end"], round(span.end / one["time_base"]))
        if max(one["start"], start) < end:
            kept.append({**one, "start": max(one["start"], start) - start, "end": end - start})
    return kept


def span_note(span: TimeSpan, chapters: int) -> str:
    """What is reported of the rest."""
    lost = f", and {counted(chapters, 'chapter')} in it" if chapters else ""
    return f"all but the span from {span}{lost}"
