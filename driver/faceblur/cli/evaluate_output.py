"""`faceblur evaluate` on the command line: a progress bar, tables, the files that are asked for, the exit code."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from faceblur.base.printable import printable
from faceblur.cli.exit_codes import DONE, FAILED
from faceblur.cli.options import Measurement
from faceblur.cli.output_console import output_console
from faceblur.cli.verbosity import Verbosity
from faceblur.evaluation.height_bands import COUNTED
from faceblur.evaluation.progress import EvaluationProgress
from faceblur.evaluation.report import EvaluationReport, SettingFigures, SweptSetting
from faceblur.evaluation.sweep_chart import draw_sweep, require_library

log = logging.getLogger("faceblur")


class EvaluationOutput:
    """Shows an evaluation: a bar for each pass over the dataset on `console`, then tables, and the files asked for.

    A context manager. `wanted` has the setting that is varied, and the files. Raises UsageError when a library for the
    curve is missing.
    """

    def __init__(self, console: Console, wanted: Measurement, verbosity: Verbosity) -> None:
        self._console, self._wanted, self._verbosity = console, wanted, verbosity
        self._out = output_console()
        self._stack = ExitStack()
        self._bar: Progress | None = None
        self._last = EvaluationProgress("score")
        if wanted.sweep:
            require_library()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def update(self, progress: EvaluationProgress) -> None:
        """Show how far it is."""
        last, self._last = self._last, progress
        if progress.stage == "score":
            self._stack.close()
            self._bar = None
        elif self._bar is None:
            is_drawn = self._verbosity.draws_bars(self._console)
            self._bar = Progress(console=self._console, transient=True, disable=not is_drawn)
            self._stack.enter_context(self._bar)
            self._bar.add_task("images and frames", total=progress.total)
        else:
            self._bar.advance(self._bar.task_ids[0], progress.done - last.done)

    def print_figures(self, figures: SettingFigures) -> None:
        """Print the figures at the given settings."""
        print_figures(self._out, figures)

    def finish(self, report: EvaluationReport) -> int:
        """Print the sweep and write the files: the exit code, 1 when the recall is below `--min-recall`."""
        if sweep := self._wanted.sweep:
            print_sweep(self._out, sweep, report.sweep)
            path = self._wanted.png or Path(f"sweep-{sweep}.png")
            draw_sweep(path, sweep, report.sweep, report.settings.threshold if sweep == "threshold" else None)
            self._out.print(f"\nThe curve is in {printable(str(path))}", highlight=False, markup=False, soft_wrap=True)
        if self._wanted.json_file is not None:
            report.write_json(self._wanted.json_file)
        gate = report.gate
        if gate.passed is False:
            what = f"recall {gate.recall:.4f} of faces of {gate.faces} pixels"
            log.error("error: %s is below --min-recall %g", what, gate.min_recall)
            return FAILED
        return DONE


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
        table.add_row(escape(printable(video.video)), *map(str, numbers), run)
    console.print()
    console.print(table)


def print_sweep(console: Console, setting: SweptSetting, sweep: Sequence[SettingFigures]) -> None:
    """The table of a sweep, with a row for each value."""
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
