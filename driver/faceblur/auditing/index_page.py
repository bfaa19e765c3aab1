"""The index page of several audits, which needs no network: one row for each output, with a link to its own page."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from faceblur.auditing.finding_kinds import FINDINGS
from faceblur.auditing.page_template import rendered
from faceblur.auditing.report import FileVerdict, FolderReport, report_path

# The name of the page and of its JSON, without a suffix.
INDEX = "faceblur-audit"


def index_page(report: FolderReport, folder: Path) -> bytes:
    """The page, to be written into a folder."""
    rows = [(one, verdict_text(one), to_watch(one), _link(one, folder)) for one in report.files]
    return rendered("index.html", report=report, rows=rows)


def verdict_text(verdict: FileVerdict) -> str:
    """What became of an output, in a few words."""
    if verdict.report is None:
        return f"not audited: {verdict.reason}"
    counts = verdict.report.counts
    failing = ", ".join(f"{counts[kind]} {kind}" for kind in FINDINGS if kind in counts)
    return f"do not publish: {failing}" if failing else "nothing exposed was found"


def to_watch(verdict: FileVerdict) -> int:
    """How many findings a person should look at."""
    counts = {} if verdict.report is None else verdict.report.counts
    return sum(count for kind, count in counts.items() if kind not in FINDINGS)


def _link(verdict: FileVerdict, folder: Path) -> str | None:
    if verdict.report is None:
        return None
    return quote(os.path.relpath(report_path(Path(verdict.output), "html"), folder), errors="surrogateescape")
