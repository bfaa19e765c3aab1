"""What a file or a function says of itself reaches no terminal and no log as it is."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

from rich.console import Console

from faceblur.base.events import FileEnded, ReplyReceived, RunEnded
from faceblur.cli.logs import JsonFormatter, TextFormatter
from faceblur.cli.summary import print_summary
from faceblur.jobs.report import Report

EVIL = "\x1b]0;owned\x07\x9b31m\u202e\u2028"
ESCAPED = r"\x1b]0;owned\x07\x9b31m\u202e\u2028"
QUOTED = r"$'\033]0;owned\007\302\23331m\342\200\256\342\200\250.mp4'"


def test_the_summary_escapes_them() -> None:
    report, source = Report(), Path(f"{EVIL}.mp4")
    report.apply(ReplyReceived(source, EVIL, EVIL, 1, {"detect": 1.0}))
    report.apply(FileEnded(source, "done", f"left out: {EVIL}", source, seconds=1.0))
    report.apply(RunEnded((EVIL,)))
    console = Console(file=io.StringIO(), width=400)
    print_summary(console, report)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown.count(ESCAPED) == 5 and shown.count(QUOTED) == 2  # in the command to paste
    assert not set(EVIL) & set("\x1b\x07\x9b\u202e\u2028") & set(shown)


def test_logs_escape_them() -> None:
    record = logging.LogRecord("faceblur", logging.ERROR, "", 0, "error: %s", (f"{EVIL} Zürich 😀",), None)
    assert TextFormatter("%(message)s").format(record) == f"error: {ESCAPED} Zürich 😀"
    line = JsonFormatter().format(record)
    assert line.isprintable() and "Zürich 😀" in line
    assert json.loads(line)["message"] == f"error: {EVIL} Zürich 😀"
