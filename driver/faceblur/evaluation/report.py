"""What an evaluation found, as tables for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceblur.base.atomic_files import write_whole
from faceblur.base.errors import MediaError
from faceblur.evaluation.exposure import Exposure
from faceblur.evaluation.scores import COUNTED, Score


@dataclass(frozen=True, slots=True)
class Point:
    """What one setting gives: `value` is the threshold or the detection size; seconds are the function's own."""

    value: float
    scores: list[Score]
    videos: list[Exposure]
    detect_seconds: float

    @property
    def counted(self) -> Score:
        """The score of the faces that count."""
        return next(one for one in self.scores if one.height == COUNTED)

    @property
    def exposed_rate(self) -> float | None:
        """The share of all videos' faces that stay exposed; None without any."""
        faces = sum(one.faces for one in self.videos)
        return sum(one.exposed_faces for one in self.videos) / faces if faces else None


def print_point(console: Console, point: Point) -> None:
    """A table by the faces' height, and one of the videos where there are any."""
    table = _table("face height, px", "faces", "found", "false", "recall", "precision", "AP")
    if point.videos:
        table.add_column("exposed", justify="right")
    for one in point.scores:
        row = [one.height, one.faces, one.found, one.false, _share(one.recall), _share(one.precision), _share(one.ap)]
        if point.videos:
            pairs = [video.by_height[one.height] for video in point.videos]
            row.append(f"{sum(exposed for _, exposed in pairs)} of {sum(faces for faces, _ in pairs)}")
        table.add_row(*map(str, row), end_section=one.height == COUNTED)
    console.print(table)
    if not point.videos:
        return
    table = _table("video", "frames", "faces", "exposed", "rate", "frames with exposed", "longest run")
    for video in point.videos:
        run = f"{video.longest_run_frames} ({video.longest_run_seconds:.2f} s)"
        if video.longest_run_first_frame is not None:
            run += f" from {video.longest_run_first_frame}"
        numbers = (video.frames, video.faces, video.exposed_faces, _share(video.exposed_rate), video.exposed_frames)
        table.add_row(escape(video.video), *map(str, numbers), run)
    console.print()
    console.print(table)


def print_sweep(console: Console, sweep: str, points: Sequence[Point]) -> None:
    """The curve, a row a setting."""
    heights = [one.height for one in points[0].scores if one.height != "all"]
    table = _table(sweep, *(f"recall {height}" for height in heights), "precision", "AP", "exposed", "detect s")
    for point in points:
        recalls = [_share(one.recall) for one in point.scores if one.height in heights]
        rest = [_share(point.counted.precision), _share(point.counted.ap), _share(point.exposed_rate)]
        table.add_row(f"{point.value:g}", *recalls, *rest, f"{point.detect_seconds:.1f}")
    console.print()
    console.print(table)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write the results. Raises MediaError, which names the file."""
    text = json.dumps(content, indent=2, allow_nan=False, default=asdict)
    try:
        write_whole(path, (text + "\n").encode())
    except OSError as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror}") from error


def _table(first: str, *headings: str) -> Table:
    table = Table(title=None, show_edge=False, pad_edge=False)
    table.add_column(first, overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
