"""Regions by hand: areas of the frame, at any time or at some, that are covered, or whose faces are spared.

A region is written `x1,y1,x2,y2` in pixels of the frame as a viewer shows it, upright, with `@start-end` in seconds
from the video's beginning. Options, ledger and sidecar hold this text; it is parsed where frames are masked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

MAX_REGIONS = 100  # of each kind: all of them may lie in one frame
_NUMBER = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)"
_TEXT = re.compile(rf"(-?){_NUMBER},(-?){_NUMBER},(-?){_NUMBER},(-?){_NUMBER}(?:@{_NUMBER}-{_NUMBER})?")
FORM = "x1,y1,x2,y2 or x1,y1,x2,y2@start-end, such as 0,0,320,80@12.5-20"


@dataclass(frozen=True, slots=True)
class TimedRegion:
    """A box x1, y1, x2, y2 in pixels of the upright frame, at the times `span` in seconds, None: at all times."""

    box: tuple[float, float, float, float]
    span: tuple[float, float] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The region that a text names. Raises ValueError."""
        match = _TEXT.fullmatch(closed_up(text))
        if match is None:
            raise ValueError(f"{text[:60]!r} is no region: write {FORM}")
        parts = match.groups()
        x1, y1, x2, y2 = (float(parts[index] + parts[index + 1]) for index in range(0, 8, 2))
        if x1 >= x2 or y1 >= y2:
            raise ValueError(f"{text[:60]!r} is no region: x1 < x2 and y1 < y2 is needed")
        if parts[8] is None:
            return cls((x1, y1, x2, y2))
        start, end = float(parts[8]), float(parts[9])
        if start >= end:
            raise ValueError(f"{text[:60]!r} is no region: it ends at {end:g} s, before it begins at {start:g} s")
        return cls((x1, y1, x2, y2), (start, end))

    def __str__(self) -> str:
        box = ",".join(map(shortest, self.box))
        return box if self.span is None else f"{box}@{'-'.join(map(shortest, self.span))}"

    def is_shown_in(self, since: float, until: float) -> bool:
        """Whether a frame that is shown from `since` to `until` shows any of its time."""
        return self.span is None or (since < self.span[1] and until > self.span[0])

    def is_all_of(self, since: float, until: float) -> bool:
        """Whether a frame that is shown from `since` to `until` is shown in its time only."""
        return self.span is None or (since >= self.span[0] and until <= self.span[1])

    def encloses(self, box: tuple[float, float, float, float]) -> bool:
        """Whether all of a box lies in it."""
        x1, y1, x2, y2 = self.box
        return x1 <= box[0] and y1 <= box[1] and x2 >= box[2] and y2 >= box[3]


def parse_regions(texts: Sequence[str]) -> tuple[TimedRegion, ...]:
    """The regions that texts name. Raises ValueError."""
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{texts!r:.60} is no list of regions, each written {FORM}")
    found = tuple(TimedRegion.parse(text) for text in texts)
    if len(found) > MAX_REGIONS:
        raise ValueError(f"{len(found)} regions, of at most {MAX_REGIONS}")
    return found


def read_regions(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The regions to cover and those to spare of a file's text, one a line: `cover REGION` or `spare REGION`.

    What follows a `#` is a comment. Raises ValueError, which names the line, and for a text without a region.
    """
    regions: dict[str, list[str]] = {"cover": [], "spare": []}
    for number, line in enumerate(text.splitlines(), 1):
        kind, *rest = line.partition("#")[0].split(None, 1) or [""]
        if not kind:
            continue
        if kind not in regions:
            raise ValueError(f"line {number}: it begins neither with cover nor with spare")
        try:
            regions[kind].append(str(TimedRegion.parse("".join(rest))))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    if not any(regions.values()):
        raise ValueError("there is no region in it")
    return tuple(regions["cover"]), tuple(regions["spare"])


def closed_up(text: str) -> str:
    """A text without spaces at its ends and beside its commas, @ and dashes: any other would join two numbers."""
    return re.sub(r"\s*([,@-])\s*", r"\1", text.strip())


def shortest(value: float) -> str:
    """A number with at most six decimals, and no exponent: no time of a long video is rounded."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
