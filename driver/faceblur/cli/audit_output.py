"""`faceblur audit` on the command line: progress bars, the table of findings, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceblur.auditing.finding_rules import FINDINGS
from faceblur.auditing.progress import AuditProgress
from faceblur.auditing.report import AuditReport, Finding, report_path
from faceblur.base.counted import counted
from faceblur.base.errors import MediaError, SidecarError, UsageError
from faceblur.base.printable import printable
from faceblur.cli.progress import ProgressDisplay

MAX_ROWS = 20
WIDTH = 160  # of what is printed into a file or a pipe


@contextmanager
def as_usage_error() -> Iterator[None]:
    """Files that cannot be compared are a wrong call."""
    try:
        yield
    except (MediaError, SidecarError) as error:
        raise UsageError(str(error)) from error


class AuditDisplay:
    """Shows the two passes as two bars: the source's while frames are aligned, the output's while they are checked."""

    def __init__(self, display: ProgressDisplay, source: Path, output: Path) -> None:
        self._display, self._stack = display, ExitStack()
        self._display.planned(2, None)  # two passes
        self._paths: dict[str, Path] = {"align": source, "check": output}
        self._last: AuditProgress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def update(self, progress: AuditProgress) -> None:
        """Show how far the audit is."""
        last, self._last = self._last, progress
        if last is None:
            self._stack.enter_context(self._display)
        if last is None or last.stage != progress.stage:
            if last is not None:
                self._display.ended(self._paths[last.stage], "aligned" if last.stage == "align" else "audited")
            if progress.stage == "report":
                self._stack.close()
            else:
                self._display.started(self._paths[progress.stage], progress.total)
        else:
            path = self._paths[progress.stage]
            self._display.advanced(path, progress.frames - last.frames, progress.faces - last.faces)


def print_report(output: Path, report: AuditReport) -> None:
    """Print the findings and what to watch, in one table, the verdict, and where the report is."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    findings = [*report.findings, *report.watch]
    if findings:
        table = Table(show_edge=False, pad_edge=False)
        for heading in ("", "time", "frames", "what"):
            table.add_column(heading, overflow="fold")
        for one in findings[:MAX_ROWS]:
            colour = "red" if one.kind in FINDINGS else "yellow"
            table.add_row(f"[{colour}]{one.kind}[/]", one.first_time, _frames(one), escape(printable(one.text)))
        console.print(table)
        if len(findings) > MAX_ROWS:
            console.print(f"… and {len(findings) - MAX_ROWS} more", highlight=False)
        console.print()
    facts = report.facts
    failing = [f"{report.counts[kind]} {kind}" for kind in FINDINGS if kind in report.counts]
    verdict = "nothing exposed was found" if report.passed else "do not publish: " + ", ".join(failing)
    watch = sum(count for kind, count in report.counts.items() if kind not in FINDINGS)
    models = escape(printable(", ".join(one.model for one in report.detectors)))
    compared = f"{counted(facts.output_frames, 'frame')}, {counted(facts.regions, 'region')}"
    if spared := report.counts.get("spared"):
        verdict += f"; {counted(spared, 'spared face')} visible, by a person's choice"
    console.print(
        f"{verdict}; {compared}, second pass by {models}; {watch} to watch",
        highlight=False,
        soft_wrap=True,
    )
    page, content = (printable(str(report_path(output, suffix))) for suffix in ("html", "json"))
    print(f"{page} (it shows real faces: do not publish it), {content}")


def _frames(finding: Finding) -> str:
    """The numbers of the first and last frame."""
    first, last = finding.first_frame, finding.last_frame
    return f"{first}" if first == last else f"{first}-{last}"
