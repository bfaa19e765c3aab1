"""The end of a run: one table of the files, one of where the time went, and the last lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceblur.cli.progress import duration, shown
from faceblur.jobs.scheduler import Outcome

COLOURS = {"done": "green", "skipped": "cyan", "failed": "red", "not done": "yellow"}
# In the order in which a frame goes through them. The function's own decoding and encoding are JPEG too.
STAGES = (
    "decode",
    "compare",
    "JPEG",
    "network",
    "function: queue",
    "function: decode",
    "function: detect",
    "function: redact",
    "function: encode",
    "camera",
    "cover",
    "write",
)


def print_summary(console: Console, outcomes: Sequence[Outcome], seconds: float, ending: Sequence[str] = ()) -> None:
    """Print the tables to the console, how many files ended how, and the lines of `ending`."""
    results = [outcome.result for outcome in outcomes if outcome.result is not None]
    table = Table(title=None, show_edge=False, pad_edge=False)
    table.add_column("file", overflow="fold")
    for heading in ("frames", "faces", "filled", "seconds", "fps"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("state", overflow="fold")
    for outcome in outcomes:
        state = f"[{COLOURS[outcome.state]}]{outcome.state}[/]"
        if outcome.reason:
            state += escape(f": {shown(outcome.reason)}")
        if result := outcome.result:
            fps = result.frames / result.seconds
            row = (str(result.frames), str(result.faces), str(result.filled), f"{result.seconds:.1f}", f"{fps:.1f}")
        else:
            row = ("",) * 5
        table.add_row(escape(shown(str(outcome.source))), *row, state)
    console.print(table)

    spent = {stage: sum(result.stage_seconds.get(stage, 0.0) for result in results) for stage in STAGES}
    if whole := sum(spent.values()):
        stages = Table(title=None, show_edge=False, pad_edge=False)
        stages.add_column("where the time went, all threads and requests together")
        stages.add_column("seconds", justify="right")
        stages.add_column("share", justify="right")
        for stage in STAGES:
            if spent[stage]:
                stages.add_row(stage, f"{spent[stage]:.1f}", f"{spent[stage] / whole:.0%}")
        console.print()
        console.print(stages)
    console.print()
    for line in filter(None, (counts(outcomes, seconds), *ending)):
        console.print(escape(line), highlight=False, soft_wrap=True)


def counts(outcomes: Sequence[Outcome], seconds: float) -> str:
    """How many files ended how, at what speed, on which device."""
    results = [outcome.result for outcome in outcomes if outcome.result is not None]
    states = Counter(outcome.state for outcome in outcomes)
    ends = ", ".join(f"{states[state]} {state}" for state in COLOURS if states[state])
    line = f"{len(outcomes)} file{'s' if len(outcomes) != 1 else ''}: {ends or 'nothing to do'}"
    if results:
        frames, faces = sum(result.frames for result in results), sum(result.faces for result in results)
        line += f"; {frames} frames, {faces} faces in {duration(seconds)} ({frames / seconds:.1f} fps)"
        line += f" by {results[0].model} on {results[0].device}"
        if searched := sum(result.searched for result in results):
            line += f", which searched {searched} frames"
    return line
