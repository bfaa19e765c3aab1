"""The figures of workers and ledger reach a real Prometheus, and its alerts fire when they should."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
import requests
import yaml
from prometheus_client import CollectorRegistry

from faceblur.base.errors import UsageError
from faceblur.base.events import FileEnded, FramesMasked, FramesRead, PositionEntered, PositionLeft, ReplyReceived
from faceblur.fleet.ledger_metrics import LedgerCollector
from faceblur.jobs.metrics import Metrics, MetricsServer
from tests.support.prometheus import program

DEPLOY = Path(__file__).parents[2] / "deploy" / "monitoring"
CLIP = Path("clip.mp4")


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
        text = requests.get(f"http://127.0.0.1:{server.port}/metrics", timeout=60).text
    assert "faceblur_frames_total" in text and "clip" not in text


def test_a_ledger_that_is_not_there_is_away_and_not_made(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    registry.register(LedgerCollector(str(tmp_path / "mistyped.db")))
    assert registry.get_sample_value("faceblur_ledger_up") == 0
    assert list(tmp_path.iterdir()) == []


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
