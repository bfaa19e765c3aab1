"""Draws a sweep's curve as a PNG: the one module on matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faceblur.base.errors import MediaError, UsageError

SIZE_INCHES = (8.0, 5.0)
DPI = 120


def require_library() -> Any:
    """matplotlib's Figure. Raises UsageError where it is not installed."""
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, no global state
    except ImportError as error:
        raise UsageError(f"--sweep needs matplotlib ({error}): pip install 'faceblur[evaluate]'") from error
    return Figure


def draw(
    path: Path, x: Sequence[float], curves: Mapping[str, Sequence[float | None]], *, label: str, chosen: float | None
) -> None:
    """Write the curves, each a share 0..1 over `x`, with a mark at the chosen x. Raises MediaError, naming the file."""
    figure = require_library()(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        points = [(one, value) for one, value in zip(x, values, strict=True) if value is not None]
        if points:
            style = "-" if name.startswith("recall") else "--"
            axes.plot(*zip(*points, strict=True), style, marker=".", label=name)
    if chosen is not None:
        axes.axvline(chosen, color="gray", linewidth=1, linestyle=":")
    axes.set_xlabel(label)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise MediaError(f"{path}: cannot be written: {error.strerror}") from error
