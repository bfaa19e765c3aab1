"""The bar of an evaluation."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from faceblur.cli.evaluate_output import EvaluationOutput
from faceblur.cli.options import Measurement
from faceblur.cli.verbosity import Verbosity
from faceblur.evaluation.progress import EvaluationProgress


@pytest.mark.parametrize(("verbosity", "is_drawn"), [(Verbosity(), True), (Verbosity(-1), False)])
def test_the_bar_is_drawn_on_a_terminal_unless_only_errors_are_wanted(verbosity: Verbosity, is_drawn: bool) -> None:
    terminal = io.StringIO()
    with EvaluationOutput(Console(file=terminal, force_terminal=True), Measurement(), verbosity) as output:
        for done in range(3):
            output.update(EvaluationProgress("detect", done, 3))
    assert ("images and frames" in terminal.getvalue()) is is_drawn
