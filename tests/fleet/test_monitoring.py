"""The figures of workers and ledger reach a real Prometheus, and its alerts fire when they should."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
import yaml
from prometheus_client import CollectorRegistry

from faceblur.base.errors import UsageError
from faceblur.base.events import FileEnded, FramesMasked, FramesRead, PositionEntered, PositionLeft, ReplyReceived
from faceblur.jobs.metrics import Metrics, MetricsServer
from tests.support.fleet import WorkerProcess, faceblur, rows, tree, until

DEPLOY = Path(__file__).parents[2] / "deploy" / "monitoring"
CLIP = Path("clip.mp4")


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is missing: apt-get install prometheus"
    return found


def test_events_become_figures() -> None:
    metrics = Metrics(CollectorRegistry())
    timings = {"detect": 1500.0, "network": 500.0}
    for event in (
        FramesRead(CLIP, 10),
        PositionEntered(CLIP, "function"),
        PositionEntered(CLIP, "function"),
        PositionLeft(CLIP, "function"),
        ReplyReceived(CLIP, "m", "cpu", 4, timings),
        FramesMasked(CLIP, 10, 7),
        FileEnded(CLIP, "done", seconds=3.0),
        FileEnded(CLIP, "failed", "broken"),
    ):
        metrics(event)
    value = metrics.registry.get_sample_value
    assert [value("faceblur_frames_total", {"action": one}) for one in ("read", "searched", "masked")] == [10, 4, 10]
    assert value("faceblur_batches", {"position": "function"}) == 1
    assert value("faceblur_stage_seconds_total", {"stage": "function: detect"}) == 1.5
    assert value("faceblur_request_duration_seconds_sum") == 2.0
    assert value("faceblur_jobs_finished_total", {"kind": "video", "outcome": "done"}) == 1
    assert value("faceblur_jobs_finished_total", {"kind": "video", "outcome": "failed"}) == 1
    assert value("faceblur_video_duration_seconds_count") == 1


def test_no_figure_names_a_file() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics(FramesRead(CLIP, 1))
    metrics(FileEnded(CLIP, "failed", "clip.mp4 is broken"))
    with MetricsServer(0, metrics.registry, "127.0.0.1") as server:
        text = requests.get(f"http://127.0.0.1:{server.port}/metrics", timeout=10).text
    assert "faceblur_frames_total" in text and "clip" not in text


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match=r"port .* for the metrics"):
        MetricsServer(taken.getsockname()[1], CollectorRegistry(), "127.0.0.1")


def test_the_alerts_fire_when_they_should() -> None:
    for arguments in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        done = subprocess.run([program("promtool"), *arguments], cwd=DEPLOY, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_test() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((DEPLOY / "alerts.test.yaml").read_text())["tests"]
    fired = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one.get("exp_alerts")}
    assert {one["alert"] for one in rules} == fired


@contextmanager
def prometheus(folder: Path, targets: list[str]) -> Iterator[str]:
    """A Prometheus that scrapes these addresses every second; its own address."""
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "faceblur", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--web.listen-address={address}"]
    server = subprocess.Popen(
        [*command, f"--storage.tsdb.path={folder}/data"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(60)


def answer(address: str, query: str) -> float | None:
    """The value of a query; None as long as there is none."""
    try:
        found = requests.get(f"{address}/api/v1/query", params={"query": query}, timeout=10).json()
    except requests.RequestException:  # it is starting
        return None
    results = found["data"]["result"]
    return float(results[0]["value"][1]) if results else None


def test_a_real_prometheus_scrapes_worker_and_ledger(
    ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", short_clip, 2), tmp_path / "out"
    faceblur("submit", source, "-o", out, "--ledger", ledger)
    command = [sys.executable, "-m", "faceblur", "jobs", "--ledger", ledger, "metrics", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as exporter:
        try:
            assert exporter.stdout is not None
            of_ledger = int(exporter.stdout.readline().split()[-1])
            with ExitStack() as stack:
                worker = stack.enter_context(WorkerProcess(ledger, function_url, "--metrics-port", "0"))
                targets = [f"127.0.0.1:{of_ledger}", f"127.0.0.1:{worker.metrics_port()}"]
                address = stack.enter_context(prometheus(tmp_path, targets))
                until(lambda: answer(address, 'faceblur_jobs{state="done"}') == 2)
                until(lambda: answer(address, 'sum(faceblur_frames_total{action="masked"})') == 48)
                assert {one.state for one in rows(ledger)} == {"done"}
                until(lambda: answer(address, 'faceblur_requests_total{outcome="ok"}'))
                assert answer(address, "faceblur_batches_in_flight + faceblur_batches_waiting") == 0
                assert answer(address, "faceblur_ledger_up") == 1
                assert answer(address, 'faceblur_jobs_finished_total{outcome="done"}') == 2
        finally:
            exporter.terminate()
