"""`faceblur evaluate` on the command line: a progress bar, tables, the files that are asked for, the exit code."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from faceblur.detection.connect import Endpoint
from faceblur.evaluation.evaluate import EvaluationProgress, evaluate
from faceblur.evaluation.height_bands import COUNTED
from faceblur.evaluation.report import EvaluationSettings, SettingFigures, SweptSetting
from faceblur.evaluation.sweep_chart import draw_sweep, require_library

log = logging.getLogger("faceblur")


@dataclass(frozen=True, slots=True)
class EvaluationOutput:
    """What to do with the figures: a recall to reach, a setting to vary, files to write."""

    min_recall: float | None = None
    sweep: SweptSetting | None = None
    json: Path | None = None
    png: Path | None = None


async def print_evaluation(
    console: Console,
    datasets: Sequence[Path],
    images: Path | None,
    settings: EvaluationSettings,
    endpoint: Endpoint,
    output: EvaluationOutput,
) -> int:
    """Evaluate and print the figures: 0, or 1 when the recall is below `min_recall`. Raises FaceblurError.

    `console` is for the progress bar.
    """
    if output.sweep:
        require_library()
    out = Console(width=None if console.is_terminal else 160)
    with ExitStack() as stack:
        report = await evaluate(
            datasets,
            endpoint=endpoint,
            images=images,
            threshold=settings.threshold,
            padding=settings.padding,
            look_around=settings.look_around,
            min_recall=output.min_recall,
            sweep=output.sweep,
            on_progress=_DetectionBar(console, stack).update,
            on_figures=lambda figures: print_figures(out, figures),
        )
    if output.sweep:
        print_sweep(out, output.sweep, report.sweep)
        path = output.png or Path(f"sweep-{output.sweep}.png")
        draw_sweep(path, output.sweep, report.sweep, settings.threshold if output.sweep == "threshold" else None)
        out.print(f"\nThe curve is in {path}", highlight=False, markup=False, soft_wrap=True)
    if output.json is not None:
        report.write_json(output.json)
    gate = report.gate
    if gate.passed is False:
        what = f"recall {gate.recall:.4f} of faces of {gate.faces} pixels"
        log.error("error: %s is below --min-recall %g", what, gate.min_recall)
        return 1
    return 0


@dataclass(slots=True)
class _DetectionBar:
    """A bar for each pass over the dataset, in a terminal; `stack` closes the last one."""

    console: Console
    stack: ExitStack
    _last: EvaluationProgress = field(default_factory=lambda: EvaluationProgress("score"))
    _bar: Progress | None = None

    def update(self, progress: EvaluationProgress) -> None:
        last, self._last = self._last, progress
        if progress.stage == "score":
            self.stack.close()
            self._bar = None
        elif self._bar is None:
            self._bar = Progress(console=self.console, transient=True, disable=not self.console.is_terminal)
            self.stack.enter_context(self._bar)
            self._bar.add_task("images and frames", total=progress.total)
        else:
            self._bar.advance(self._bar.task_ids[0], progress.done - last.done)


def print_figures(console: Console, figures: SettingFigures) -> None:
    """A table by the faces' height, and one of the videos where there are any."""
    table = _table("face height, px", "faces", "found", "false", "recall", "precision", "AP")
    if figures.videos:
        table.add_column("exposed", justify="right")
    for one in figures.scores:
        row = [one.height, one.faces, one.found, one.false, _share(one.recall), _share(one.precision), _share(one.ap)]
        if figures.videos:
            pairs = [video.by_height[one.height] for video in figures.videos]
            row.append(f"{sum(exposed for _, exposed in pairs)} of {sum(faces for faces, _ in pairs)}")
        table.add_row(*map(str, row), end_section=one.height == COUNTED)
    console.print(table)
    if not figures.videos:
        return
    table = _table("video", "frames", "faces", "exposed", "rate", "frames with exposed", "longest run")
    for video in figures.videos:
        run = f"{video.longest_run_frames} ({video.longest_run_seconds:.2f} s)"
        if video.longest_run_first_frame is not None:
            run += f" from {video.longest_run_first_frame}"
        numbers = (video.frames, video.faces, video.exposed_faces, _share(video.exposed_rate), video.exposed_frames)
        table.add_row(escape(video.video), *map(str, numbers), run)
    console.print()
    console.print(table)


def print_sweep(console: Console, setting: SweptSetting, sweep: Sequence[SettingFigures]) -> None:
    """The curve, a row a value."""
    heights = [one.height for one in sweep[0].scores if one.height != "all"]
    table = _table(setting, *(f"recall {height}" for height in heights), "precision", "AP", "exposed", "detect s")
    for figures in sweep:
        recalls = [_share(one.recall) for one in figures.scores if one.height in heights]
        rest = [_share(figures.counted.precision), _share(figures.counted.ap), _share(figures.exposed_rate)]
        table.add_row(f"{figures.value:g}", *recalls, *rest, f"{figures.detect_seconds:.1f}")
    console.print()
    console.print(table)


def _table(first: str, *headings: str) -> Table:
    table = Table(title=None, show_edge=False, pad_edge=False)
    table.add_column(first, overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
