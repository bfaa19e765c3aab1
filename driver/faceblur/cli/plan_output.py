"""What `plan` and `jobs report` print: the archive, what it takes, and later what it took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceblur.base.counted import counted
from faceblur.base.printable import printable
from faceblur.cli.output_console import output_console
from faceblur.fleet.planning.estimate import Spread
from faceblur.fleet.planning.plan import ArchivePlan
from faceblur.ledger.outcome import Outcome

ROWS = 20  # of each table; JSON has all
UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(count: float) -> str:
    """Bytes for people."""
    unit, name = next(((unit, name) for unit, name in UNITS if count >= unit), (1, "bytes"))
    return f"{count / unit:.3g} {name}"


def duration(seconds: float) -> str:
    """Seconds for people: hours from two of them on."""
    if seconds >= 7200:
        return f"{seconds / 3600:,.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.3g} s"


def spread(one: Spread, show: Any) -> str:
    return f"{show(one.expected)} ({show(one.low)} to {show(one.high)})"


def print_plan(plan: ArchivePlan) -> None:
    """Print the plan in lines and tables."""
    console = output_console()
    forms = ", ".join(f"{number} {form}" for form, number in list(plan.forms.items())[:ROWS])
    console.print(
        f"{counted(plan.videos, 'video')}: {duration(plan.seconds)}, {counted(plan.frames, 'frame')}, "
        f"{size(plan.bytes)}{f'; {forms}' if forms else ''}",
        highlight=False,
    )
    if plan.others:
        print(f"{counted(plan.others, 'other file')} left alone")
    _table(console, "videos that cannot be done", ("video", "why"), plan.failing)
    _table(console, "awkward videos", ("video", "why"), plan.awkward)
    left_out = [(one.what, str(one.videos), one.example) for one in plan.left_out]
    _table(console, "what outputs will not keep", ("what", "videos", "such as"), left_out)
    print()
    for line in _figures(plan):
        console.print(escape(printable(line)), highlight=False, soft_wrap=True)


def _table(console: Console, title: str, headings: tuple[str, ...], rows: list[Any]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows[:ROWS]:
        table.add_row(*(escape(printable(str(cell))) for cell in row))
    console.print()
    console.print(table)
    if len(rows) > ROWS:
        print(f"… and {len(rows) - ROWS} more: --json lists all")


def _figures(plan: ArchivePlan) -> Iterator[str]:
    """The lines of the estimate."""
    found, fleet = plan.estimate, plan.fleet
    if found is None:
        yield "nothing was sampled, so that there is no estimate of time and disk"
        return
    first = plan.samples[0]
    megapixels = plan.megapixels / max(1, plan.frames)  # of the mean frame
    frames = sum(one.frames for one in plan.samples)
    fps = frames / (megapixels * sum(one.frames * one.wall for one in plan.samples))
    yield f"sampled: {counted(len(plan.samples), 'part')}, about {fps:.1f} fps for one worker alone, on {first.device}"
    free = "" if plan.free_bytes is None else f"; {size(plan.free_bytes)} are free"
    lacks = plan.free_bytes is not None and found.disk_bytes.high > plan.free_bytes
    yield f"disk for the outputs: {spread(found.disk_bytes, size)}{free}{', WHICH MAY NOT BE ENOUGH' if lacks else ''}"
    what = counted(fleet.workers, "worker") + f" of {counted(fleet.cores, 'core')}"
    if fleet.gpus is not None:
        what += f" and {counted(fleet.gpus, 'GPU')}"
    yield f"time: {spread(found.seconds, duration)} with {what}, bounded by {found.bound}"
    yield f"the function computes for {spread(found.function_seconds, duration)} on {first.device}"
    if found.cost is not None:
        yield f"cost: {spread(found.cost, '{:,.2f}'.format)}, at {fleet.price:g} an hour"


def print_report(outcome: Outcome, plan: dict[str, Any] | None) -> None:
    """Print what the jobs took, beside the estimate where there is a plan."""
    console = output_console()
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("", *(("estimated",) if plan else ()), "it was"):
        table.add_column(heading, overflow="fold")
    for name, value, expected in compared(outcome, plan):
        table.add_row(name, *((expected,) if plan else ()), value)
    console.print(table)
    errors = [(how, str(number)) for how, number in outcome.errors.most_common()]
    _table(console, "attempts that came to nothing", ("how they ended", "attempts"), errors)
    left_out = [(what, str(number)) for what, number in outcome.left_out.most_common()]
    _table(console, "what outputs do not keep", ("what", "videos"), left_out)
    by_hand = [(what, str(number)) for what, number in outcome.by_hand.most_common()]
    _table(console, "what people chose", ("what", "videos"), by_hand)


def compared(outcome: Outcome, plan: dict[str, Any] | None) -> Iterator[tuple[str, str, str]]:
    """Rows of the comparison: a figure's name, what it was, and what was estimated."""
    expected = (plan or {}).get("estimate") or {}

    def estimated(name: str, show: Any) -> str:
        return spread(Spread(**expected[name]), show) if expected.get(name) else ""

    states = ", ".join(f"{number} {state}" for state, number in outcome.states.most_common()) or "no jobs"
    yield "videos", states, str(plan["videos"]) if plan else ""
    yield "frames", str(outcome.frames), str(plan["frames"]) if plan else ""
    yield "time", duration(outcome.seconds), estimated("seconds", duration)
    yield "the function computed", duration(outcome.function_seconds), estimated("function_seconds", duration)
    yield "outputs", size(outcome.output_bytes), estimated("disk_bytes", size)
    if plan and expected.get("cost"):
        fleet = plan["fleet"]
        paid = fleet["gpus"] or fleet["workers"]
        cost = outcome.seconds / 3600 * paid * fleet["price"]
        yield "cost", f"{cost:,.2f}", estimated("cost", "{:,.2f}".format)
    yield "workers", str(outcome.workers), str(plan["fleet"]["workers"]) if plan else ""
    yield "speed", f"{outcome.frames / outcome.seconds:.1f} fps" if outcome.seconds else "", ""
    yield "faces masked", str(outcome.faces), ""
    searched = f"{outcome.searched / outcome.frames:.0%}" if outcome.frames else ""
    yield "frames searched", searched, ""
    lost = f" ({outcome.lost_seconds / outcome.busy_seconds:.1%})" if outcome.busy_seconds else ""
    yield "lost in attempts that came to nothing", duration(outcome.lost_seconds) + lost, ""
