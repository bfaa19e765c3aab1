"""Draws the curves of a sweep as a PNG: the one module on matplotlib."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faceblur.base.errors import MediaError, UsageError
from faceblur.evaluation.height_bands import BANDS
from faceblur.evaluation.report import SettingFigures, SweptSetting

SIZE_INCHES = (8.0, 5.0)
DPI = 120


def require_library() -> Any:
    """matplotlib's Figure. Raises UsageError where it is not installed."""
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, no global state
    except ImportError as error:
        way_out = f"{sys.executable} -m pip install matplotlib"
        raise UsageError(f"--sweep needs matplotlib ({error}): {way_out}") from error
    return Figure


def draw_sweep(path: Path, setting: SweptSetting, sweep: Sequence[SettingFigures], chosen: float | None) -> None:
    """Draw recall, precision and exposure, each a share 0..1, over the setting, with a mark at the chosen value.

    Raises MediaError, naming the file, or UsageError without matplotlib.
    """
    figure = require_library()(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for name, values in _curves(sweep).items():
        points = [(one.value, value) for one, value in zip(sweep, values, strict=True) if value is not None]
        if points:
            style = "-" if name.startswith("recall") else "--"
            axes.plot(*zip(*points, strict=True), style, marker=".", label=name)
    if chosen is not None:
        axes.axvline(chosen, color="gray", linewidth=1, linestyle=":")
    axes.set_xlabel("threshold" if setting == "threshold" else "detection size in pixels")
    axes.set_ylim(-0.02, 1.02)
    axes.grid(alpha=0.3)
    # Beside the curves: to look for the best place among them may take long, and then warns.
    figure.legend(loc="outside right upper", fontsize="small")
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror}") from error


def _curves(sweep: Sequence[SettingFigures]) -> dict[str, list[float | None]]:
    """The curves by their names."""
    curves: dict[str, list[float | None]] = {
        f"recall, {height} px": [one.recall for figures in sweep for one in figures.scores if one.height == height]
        for height in BANDS
        if height != "all"
    }
    curves["precision"] = [one.counted.precision for one in sweep]
    curves["exposed faces"] = [one.exposed_rate for one in sweep]
    return curves
