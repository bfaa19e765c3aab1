"""`faceblur audit` on the command line: progress bars, the table of findings, the exit code."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from rich.markup import escape
from rich.table import Table

from faceblur.auditing.finding_kinds import FINDINGS
from faceblur.auditing.index_page import INDEX, to_watch, verdict_text
from faceblur.auditing.progress import AuditProgress
from faceblur.auditing.report import AuditReport, Finding, FolderReport, report_path
from faceblur.base.counted import counted
from faceblur.base.printable import printable
from faceblur.cli.output_console import output_console
from faceblur.cli.progress import ProgressDisplay

MAX_ROWS, MAX_COMMANDS = 20, 5
PLAIN: dict[str, Any] = {"highlight": False, "soft_wrap": True, "markup": False}


class AuditDisplay:
    """Shows audits as bars: frames, and the time that is left. A context manager."""

    def __init__(self, display: ProgressDisplay) -> None:
        self._display, self._stack = display, ExitStack()
        self._last: dict[Path, AuditProgress] = {}
        self._is_shown = False

    def planned(self, files: int, frames: int | None) -> None:
        """Begin with so many outputs, which have so many frames in all, as far as that is known."""
        self._display.planned(files, frames)
        self._stack.enter_context(self._display)
        self._is_shown = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def update(self, output: Path, progress: AuditProgress) -> None:
        """Show how far the audit of an output is."""
        last = self._last.get(output)
        self._last[output] = progress
        if last is None:
            if not self._is_shown:
                self.planned(1, progress.total)
            self._display.started(output, progress.total)
        elif progress.stage == "report":
            self._display.ended(output, "audited")
            del self._last[output]
        else:
            self._display.advanced(output, progress.frames - last.frames, progress.faces - last.faces)


def print_report(output: Path, report: AuditReport) -> None:
    """Print the findings and what to watch, in one table, the verdict, and where the report is."""
    console = output_console()
    findings = [*report.findings, *report.watch]
    if findings:
        table = Table(show_edge=False, pad_edge=False)
        for heading in ("finding", "time", "frames", "what"):
            table.add_column(heading, overflow="fold")
        for one in findings[:MAX_ROWS]:
            colour = "red" if one.kind in FINDINGS else "yellow"
            table.add_row(f"[{colour}]{one.kind}[/]", one.first_time, _frames(one), escape(printable(one.text)))
        console.print(table)
        if len(findings) > MAX_ROWS:
            console.print(f"… and {len(findings) - MAX_ROWS} more", highlight=False)
        console.print()
        for one in [one for one in report.findings if one.mend][:MAX_COMMANDS]:
            console.print(f"to mend {one.kind} at {one.first_time}: {printable(one.mend or '')}", **PLAIN)
    facts = report.facts
    failing = [f"{report.counts[kind]} {kind}" for kind in FINDINGS if kind in report.counts]
    verdict = "nothing exposed was found" if report.passed else "do not publish: " + ", ".join(failing)
    watch = sum(count for kind, count in report.counts.items() if kind not in FINDINGS)
    models = printable(", ".join(one.model for one in report.detectors))
    compared = f"{counted(facts.output_frames, 'frame')}, {counted(facts.regions, 'region')}"
    if "rest" in report.counts:
        verdict += "; a part was kept without a search"
    if spared := report.counts.get("spared"):
        verdict += f"; {counted(spared, 'spared face')} visible, by a person's choice"
    console.print(f"{verdict}; {compared}, second pass by {models}; {watch} to watch", **PLAIN)
    page, content = (printable(str(report_path(output, suffix))) for suffix in ("html", "json"))
    print(f"{page} (it shows real faces: do not publish it), {content}")


def print_reports(report: FolderReport, folder: Path | None) -> None:
    """Print one table of several outputs, how they are, and where the pages are: the index page is in `folder`."""
    console = output_console()
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("output", overflow="fold")
    table.add_column("verdict", overflow="fold")
    table.add_column("to watch", justify="right")
    for one in report.files:
        text = escape(printable(verdict_text(one)))
        colour = "green" if one.passed else "red"
        table.add_row(escape(printable(one.output or one.source)), f"[{colour}]{text}[/]", str(to_watch(one)))
    console.print(table)
    console.print()
    for one in report.files:
        for each in [each for each in one.report.findings if each.mend][:1] if one.report is not None else ():
            console.print(f"to mend {each.kind} at {each.first_time}: {printable(each.mend or '')}", **PLAIN)
    console.print(_verdict(report), **PLAIN)
    if folder is not None or report.audited:
        page = "NAME.audit.html beside each output" if folder is None else printable(str(folder / f"{INDEX}.html"))
        print(f"{page} (the pages show real faces: do not publish them)")


def _verdict(report: FolderReport) -> str:
    audited, said = report.audited, []
    if others := len(report.files) - len(audited):
        said.append(f"{counted(others, 'file')} could not be audited")
    if audited:
        failed = sum(not one.passed for one in audited)
        verdict = f"do not publish: {failed} of them" if failed else "nothing exposed was found"
        said.append(f"{counted(len(audited), 'output')} audited: {verdict}")
    return "; ".join(said)


def _frames(finding: Finding) -> str:
    """The numbers of the first and last frame."""
    first, last = finding.first_frame, finding.last_frame
    return f"{first}" if first == last else f"{first}-{last}"
