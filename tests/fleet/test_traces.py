"""Traces reach a real OTLP receiver: every attempt at a job is in its job's trace, with its stages."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from faceblur.base.errors import UsageError
from faceblur.cli import fleet
from tests.fleet.test_dashboard import damage
from tests.support.fleet import WorkerProcess, faceblur, put_in, rows, tree, until

# The driver, which waits as long as it takes for its collector, and when it is stopped: on a busy machine too.
PATIENT = """
from faceblur.cli import interruption
from faceblur.jobs import traces
traces.SEND_SECONDS = 60.0
interruption.Interruption.__init__.__defaults__ = (60.0,)
from faceblur.cli import app, fleet
from faceblur.cli.group import main
"""
# The same, which asks the function nothing more once it has written frames: its video is not done when it is stopped.
HELD = """
import asyncio
from faceblur.detection.client import FunctionClient
from faceblur.redaction.output import VideoOutput
write, send, written = VideoOutput.write, FunctionClient.send, []
def write_one(output, *arguments):
    written.append(True)
    return write(output, *arguments)
async def send_first(client, *arguments, **options):
    if written:
        await asyncio.Event().wait()
    return await send(client, *arguments, **options)
VideoOutput.write, FunctionClient.send = write_one, send_first
"""


class Receiver(ThreadingHTTPServer):
    """An OTLP receiver on a free port of the loopback. `spans` are those that came, with their resource."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for one in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {item.key: item.value.string_value for item in one.resource.attributes}
            self.server.services.add(names["service.name"])
            self.server.spans += [span for scope in one.scope_spans for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(ExportTraceServiceResponse().SerializeToString())

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_a_job_is_one_trace_of_its_parts_and_their_stages(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path, receiver: Receiver
) -> None:
    source = tree(tmp_path / "in", short_clip, 2)
    damage(source / "001.mp4")
    put_in(source, "-o", tmp_path / "out", "--ledger", file_ledger)
    code = f"{PATIENT}main()"
    with WorkerProcess(file_ledger, function_url, "--traces", receiver.url, code=code) as worker:
        until(lambda: {one.state for one in rows(file_ledger)} == {"done", "failed"})
        until(lambda: len(receiver.named("part")) == len(receiver.named("job")) == 2)
        worker.send(signal.SIGTERM)
        worker.wait()
    jobs = {one.id: one for one in rows(file_ledger)}
    parts = {attributes(span)["faceblur.job"]: span for span in receiver.named("part")}
    assert parts.keys() == jobs.keys() and receiver.services == {"faceblur"}
    done = next(one.id for one in jobs.values() if one.state == "done")
    wholes = {attributes(span)["faceblur.job"]: span for span in receiver.named("job")}
    whole = wholes[done]
    for number, span in wholes.items():  # also of the one that failed: else its trace would have no root
        assert attributes(span) == {"faceblur.job": number, "faceblur.state": jobs[number].state}
        assert (span.status.code == span.status.STATUS_CODE_ERROR) == (number != done)
        assert not span.parent_span_id and parts[number].parent_span_id == span.span_id
    for number, span in parts.items():
        found = attributes(span)
        assert found["faceblur.attempt"] == 1 and found["faceblur.state"] == jobs[number].state
        assert (span.status.code == span.status.STATUS_CODE_ERROR) == (number != done)
    part = parts[done]
    assert (part.trace_id, part.parent_span_id) == (whole.trace_id, whole.span_id)
    assert attributes(part)["faceblur.frames"] == 24
    stages = {span.name: span for span in receiver.spans if span.parent_span_id == part.span_id}
    assert stages.keys() >= {"decode", "function: detect", "network"}
    for span in stages.values():
        assert whole.start_time_unix_nano <= part.start_time_unix_nano
        assert span.start_time_unix_nano <= span.end_time_unix_nano <= part.end_time_unix_nano
        assert attributes(span)["faceblur.busy_seconds"] >= 0
    assert len({span.trace_id for span in parts.values()}) == 2
    assert not any("mp4" in str(span) for span in receiver.spans)  # no file is named


def test_all_attempts_at_a_job_are_in_one_trace(
    file_ledger: str, function_url: str, long_clip: Path, tmp_path: Path, receiver: Receiver
) -> None:
    put_in(tree(tmp_path / "in", long_clip, 1), "-o", tmp_path / "out", "--ledger", file_ledger)
    arguments = (file_ledger, function_url, "--lease", "6", "--traces", receiver.url)
    # One request at a time: else all that the video needs might be sent before its first frame is written.
    with WorkerProcess(*arguments, "--concurrency", "1", code=f"{PATIENT}{HELD}main()") as first:
        until(lambda: rows(file_ledger)[0].frames_done > 0)  # as its heartbeat says
        first.send(signal.SIGTERM)
        first.wait()
    with WorkerProcess(*arguments, code=f"{PATIENT}main()") as second:
        until(lambda: receiver.named("job"))
        second.send(signal.SIGTERM)
        second.wait()
    states = [
        (attributes(one)["faceblur.attempt"], attributes(one)["faceblur.state"]) for one in receiver.named("part")
    ]
    assert states == [(1, "not done"), (2, "done")]
    assert len({one.trace_id for one in receiver.named("part") + receiver.named("job")}) == 1


def test_a_collector_that_is_away_costs_one_line(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    put_in(tree(tmp_path / "in", short_clip, 1), "-o", tmp_path / "out", "--ledger", file_ledger)
    with WorkerProcess(file_ledger, function_url, "--until-empty", "--traces", "http://127.0.0.1:9") as worker:
        lines = [json.loads(line) for line in worker.wait().splitlines()]
        assert worker.process.returncode == 0
    assert [one["message"] for one in lines if one["level"] == "warning"] == [
        "http://127.0.0.1:9 takes no traces: the work goes on without them"
    ]
    assert not [one for one in lines if "traceback" in one]


def test_without_the_option_its_packages_are_not_loaded() -> None:
    code = "import sys, faceblur.cli.app, faceblur.cli.fleet, faceblur.jobs.video_run, faceblur.fleet.shared_ledger; "
    code += "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_without_the_extra_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "faceblur.jobs.traces", raising=False)
    with pytest.raises(UsageError) as raised:
        fleet._traces("http://127.0.0.1:9")
    _, _, packages = str(raised.value).partition(f"{sys.executable} -m pip install ")
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    extra = pyproject["project"]["optional-dependencies"]["traces"]
    assert packages.split() == [one.partition(">=")[0] for one in extra]


@pytest.mark.parametrize(
    "wrong",
    [("--traces", "collector:4318"), ("--traces", "http://"), ("--traces", "http://[1"), ("--metrics-port", "TAKEN")],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(wrong: tuple[str, str], tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        value = wrong[1].replace("TAKEN", str(taken.getsockname()[1]))
        done = faceblur("work", "--ledger", tmp_path / "l.db", wrong[0], value)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
