"""The dashboard and the alerts ask for figures that exist, and a real Prometheus answers them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from faceblur.detection.deployment.write_manifests import alert_rule
from tests.fleet.test_workers import tree
from tests.support.figures import exported
from tests.support.fleet import WorkerProcess, put_in, rows, until
from tests.support.prometheus import answer, prometheus, results

DEPLOY = Path(__file__).parents[2] / "deploy" / "monitoring"
DASHBOARD = json.loads((DEPLOY / "dashboard.json").read_text())
PANELS = [one for one in DASHBOARD["panels"] if one["type"] != "row"]
# The figures of others, with the labels that are used: Nuclio 1.14's processor, NVIDIA's DCGM exporter,
# kube-state-metrics 2, the kubelet.
OTHERS = {
    "nuclio_processor_worker_allocation_wait_duration_milliseconds_sum": {"function"},
    "nuclio_processor_worker_allocation_count": {"function"},
    "nuclio_processor_worker_allocation_workers_available_percentage": {"function"},
    "nuclio_processor_handled_events_total": {"function", "result"},
    "DCGM_FI_DEV_GPU_UTIL": {"Hostname", "gpu"},
    "DCGM_FI_DEV_FB_USED": {"Hostname", "gpu"},
    "DCGM_FI_DEV_XID_ERRORS": {"Hostname", "gpu"},
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": {"Hostname", "gpu", "GPU_I_ID"},
    "kube_deployment_status_replicas_available": {"namespace", "deployment"},
    "kube_pod_container_status_restarts_total": {"namespace", "pod"},
    "kubelet_volume_stats_available_bytes": {"namespace", "persistentvolumeclaim"},
    "kubelet_volume_stats_capacity_bytes": {"namespace", "persistentvolumeclaim"},
}


def expressions() -> Iterator[tuple[str, str]]:
    """Every query, with its panel or alert; the variables have values."""
    for panel in PANELS:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$namespace", "faceblur|nuclio")
            assert "$" not in expression
            yield panel["title"], expression
    for rule in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]:
        yield rule["alert"], rule["expr"]


EXPRESSIONS = list(expressions())


def figures(expression: str) -> dict[str, set[str]]:
    """The figures that a query reads, each with the labels that it selects."""
    found: dict[str, set[str]] = {}
    for name, selected in re.findall(r"\b((?:faceblur|nuclio|DCGM|kube|kubelet)_\w+)(\{[^}]*\})?", expression):
        found.setdefault(name, set()).update(re.findall(r"(\w+) *[=!]", selected))
    return found


def grouped(expression: str) -> set[str]:
    labels = ",".join(re.findall(r"\bby \(([^)]*)\)", expression))
    return set(filter(None, map(str.strip, labels.split(","))))


@pytest.mark.parametrize(
    ("where", "expression"), EXPRESSIONS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(EXPRESSIONS)]
)
def test_a_query_reads_figures_and_labels_that_exist(where: str, expression: str, tmp_path: Path) -> None:
    known = OTHERS | exported(tmp_path)
    read = figures(expression)
    assert read, where
    assert not set(read) - set(known), where
    for name, labels in read.items():
        assert labels <= known[name], where
        assert grouped(expression) <= known[name], where


def test_a_legend_names_labels_that_its_query_keeps() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            assert set(re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))) <= grouped(target["expr"]), panel[
                "title"
            ]


def test_the_dashboard_holds_together() -> None:
    assert [one["title"] for one in DASHBOARD["panels"] if one["type"] == "row"] == [
        *(
            "Exposure",
            "Backlog and time left",
            "Frames per second, and what bounds them",
            "Function",
            "GPU",
            "Pods",
            "Disk",
        ),
    ]
    assert len({one["id"] for one in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    covered: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        box = panel["gridPos"]
        cells = {(x, y) for x in range(box["x"], box["x"] + box["w"]) for y in range(box["y"], box["y"] + box["h"])}
        assert box["x"] + box["w"] <= 24 and not cells & covered, panel["title"]
        covered |= cells


def test_kustomize_gives_grafana_and_prometheus_what_they_look_for() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on the PATH")
    done = subprocess.run(["kubectl", "kustomize", str(DEPLOY)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    maps = {one["metadata"]["name"]: one for one in yaml.safe_load_all(done.stdout)}
    dashboard = maps["faceblur-dashboard"]
    assert dashboard["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert json.loads(dashboard["data"]["faceblur.json"]) == DASHBOARD
    assert maps["faceblur-alerts"]["data"] == {"faceblur.yaml": (DEPLOY / "alerts.yaml").read_text()}


def test_the_operator_gets_the_same_alerts_and_scrapes_the_port_of_the_figures() -> None:
    """`make manifests` writes them again."""
    assert (DEPLOY / "operator/rule.yaml").read_text() == alert_rule((DEPLOY / "alerts.yaml").read_text())
    monitor = yaml.safe_load((DEPLOY / "operator/pod-monitor.yaml").read_text())["spec"]
    (expression,) = monitor["selector"]["matchExpressions"]
    ports = {}
    for path in ("workers", "metrics"):
        deployment = next(iter(yaml.safe_load_all((DEPLOY.parent / f"fleet/base/{path}.yaml").read_text())))
        pod = deployment["spec"]["template"]
        ports[pod["metadata"]["labels"]["app.kubernetes.io/name"]] = pod["spec"]["containers"][0]["ports"][0]["name"]
    assert set(expression["values"]) == set(ports)
    assert set(ports.values()) == {one["port"] for one in monitor["podMetricsEndpoints"]}


def has_data(address: str, expression: str) -> bool:
    return bool(results(address, expression))


def test_a_real_prometheus_scrapes_worker_and_ledger_and_answers_every_query(
    ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source, out = tree(tmp_path / "in", short_clip, 3), tmp_path / "out"
    with ExitStack() as stack:
        worker = stack.enter_context(WorkerProcess(ledger, function_url, "--metrics-port", "0"))
        targets = [f"127.0.0.1:{stack.enter_context(exporter(ledger))}", f"127.0.0.1:{worker.metrics_port()}"]
        address = stack.enter_context(prometheus(tmp_path, targets))
        until(lambda: answer(address, "sum(up)") == 2 and has_data(address, "faceblur_requests_total"))
        damage(source / "002.mp4")
        put_in(source, "-o", out, "--ledger", ledger)
        until(lambda: answer(address, 'faceblur_jobs{state="done"}') == 2)
        until(lambda: answer(address, 'sum(faceblur_frames_total{action="masked"})') == 48)
        until(lambda: {one.state for one in rows(ledger)} == {"done", "failed"})
        until(lambda: answer(address, 'sum(increase(faceblur_requests_total{outcome="ok"}[10m])) > 0'))
        until(lambda: answer(address, "faceblur_ledger_up") == 1)
        until(lambda: answer(address, 'faceblur_jobs_finished_total{outcome="done"}') == 2)  # as the next scrape says
        until(lambda: answer(address, "faceblur_batches_in_flight + faceblur_batches_waiting") == 0)
        assert_every_panel_has_data(address)


def damage(path: Path) -> None:
    """Spoil frames of a video, whose headers stay as they are."""
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + len(content) // 4
    content[start : start + 500] = bytes(500)
    path.write_bytes(content)


@contextmanager
def exporter(ledger: str) -> Iterator[int]:
    """`faceblur jobs metrics`; its port."""
    command = [sys.executable, "-m", "faceblur", "jobs", "--ledger", ledger, "metrics", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().split()[-1])
        finally:
            process.terminate()


def assert_every_panel_has_data(address: str) -> None:
    alerts = {name for name, _ in EXPRESSIONS if name.startswith("Faceblur")}
    for where, expression in EXPRESSIONS:
        ours = all(name.startswith("faceblur_") for name in figures(expression))
        if ours and where not in alerts:
            until(lambda query=expression: has_data(address, query), what=where)
        else:
            results(address, expression)  # it can be parsed
    assert 0 <= float(answer(address, dict(EXPRESSIONS)["Oldest failure"]) or -1) < 600
