"""deploy.sh --fleet starts the workers beside the function, and refuses early what cannot work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.deploy_sandbox import ROOT, Sandbox, local_port
from tests.support.pod_states import pod

FLEET = str(ROOT / "deploy" / "fleet" / "gpu")


REVISION = "deployment.kubernetes.io/revision"


def worker(name: str, template: str = "new", **more: Any) -> dict[str, Any]:
    """A pod of the workers' template as it was applied, or of the one before."""
    made = pod(name, **more)
    made["metadata"]["labels"] = {"pod-template-hash": template}
    return made


def deployment(ready: int, *, generation: int = 2, replicas: int = 2) -> dict[str, object]:
    status = {"observedGeneration": 2, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app.kubernetes.io/name": "workers"}}}
    metadata = {"generation": generation, "annotations": {REVISION: "2"}}
    return {"metadata": metadata, "spec": spec, "status": status}


@pytest.fixture
def fleet(sandbox: Sandbox) -> Sandbox:
    """A cluster with the secret, on which the workers become ready."""
    resources = [
        one
        for name in ("workers", "metrics")
        for one in yaml.safe_load_all((ROOT / f"deploy/fleet/base/{name}.yaml").read_text())
        if one["metadata"]["name"] == "workers"
    ]
    for one in resources:
        one["metadata"]["namespace"] = "faceblur"
    resources[0]["spec"]["template"]["spec"]["containers"][0]["image"] = "r.example.org/faceblur:1"
    address = {"FUNCTION": "http://nuclio-faceblur.nuclio:8080"}
    resources.append({"kind": "ConfigMap", "metadata": {"name": "faceblur", "namespace": "faceblur"}, "data": address})
    write(sandbox, resources)
    (sandbox.record / "secret").touch()
    (sandbox.record / "no-secret").write_text('Error from server (NotFound): secrets "faceblur-ledger" not found\n')
    sets = [
        {"metadata": {"labels": {"pod-template-hash": name}, "annotations": {REVISION: number}}}
        for name, number in (("old", "1"), ("new", "2"))
    ]
    sandbox.write("replicasets", {"items": sets})
    sandbox.write("workers", deployment(2))
    sandbox.write("fleet-pods", {"items": [worker("a", ready=True), worker("b", ready=True)]})
    return sandbox


def write(sandbox: Sandbox, resources: list[dict[str, object]]) -> None:
    (sandbox.record / "fleet.yaml").write_text(yaml.safe_dump_all(resources))


def changed(sandbox: Sandbox, old: str, new: str) -> None:
    text = (sandbox.record / "fleet.yaml").read_text()
    assert old in text
    (sandbox.record / "fleet.yaml").write_text(text.replace(old, new))


def test_the_fleet_is_applied_once_the_function_has_passed_its_check(fleet: Sandbox, function: str) -> None:
    done = fleet.run("--registry", "r", "--fleet", FLEET, LOCAL_PORT=local_port(function))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    checked = next(number for number, line in enumerate(lines) if "came back blurred" in line)
    assert lines[checked + 1 : checked + 3] == [
        f"Applying the fleet {FLEET} in the namespace faceblur",
        "workers: 2 of 2 pods are ready",
    ]
    assert (
        "kubectl --namespace faceblur exec deploy/workers -- faceblur submit /videos/in -o /videos/out" in done.stdout
    )
    assert f"apply --kustomize {FLEET}" in fleet.calls("kubectl")


def test_without_the_secret_nothing_is_built(fleet: Sandbox) -> None:
    (fleet.record / "secret").unlink()
    done = fleet.run("--registry", "r", "--fleet", FLEET)
    assert done.returncode == 1
    assert "error: the secret faceblur-ledger with the ledger's address is not in the namespace faceblur" in done.stderr
    assert "create secret generic faceblur-ledger" in done.stderr
    assert fleet.calls("nuctl") == []


def test_a_cluster_that_does_not_answer_is_not_taken_for_a_missing_secret(fleet: Sandbox) -> None:
    (fleet.record / "secret").unlink()
    (fleet.record / "no-secret").write_text("The connection to the server localhost:8080 was refused\n")
    done = fleet.run("--registry", "r", "--fleet", FLEET)
    assert done.returncode == 1 and "error: kubectl cannot look for the secret" in done.stderr
    assert "was refused" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("r.example.org/", "registry.example.com/", "its image is still that of the example"),
        (
            "nuclio-faceblur.nuclio",
            "nuclio-blur2.nuclio",
            "its workers call http://nuclio-blur2.nuclio, and faceblur in nuclio",
        ),
        ("nuclio-faceblur.nuclio", "nuclio-faceblur.tools", "its workers call http://nuclio-faceblur.tools"),
        ("kind: Deployment", "kind: ReplicaSet", "it has no deployments in one namespace"),
    ],
)
def test_what_cannot_work_is_refused_before_the_build(fleet: Sandbox, old: str, new: str, message: str) -> None:
    changed(fleet, old, new)
    done = fleet.run("--registry", "r", "--fleet", FLEET)
    assert done.returncode == 1 and message in done.stderr
    assert fleet.calls("nuctl") == []


def test_workers_may_call_the_function_through_a_gateway(fleet: Sandbox, function: str) -> None:
    changed(fleet, "http://nuclio-faceblur.nuclio:8080", "https://faces.example.org")
    assert fleet.run("--registry", "r", "--fleet", FLEET, LOCAL_PORT=local_port(function)).returncode == 0


def test_a_fleet_that_cannot_be_applied_is_one_line(fleet: Sandbox, function: str) -> None:
    said = (
        'persistentvolumeclaims is forbidden: User "x" cannot create resource "persistentvolumeclaims" in API group ""'
    )
    done = fleet.run("--registry", "r", "--fleet", FLEET, LOCAL_PORT=local_port(function), APPLY_FAILS=said)
    assert done.returncode == 1
    assert f"error: the fleet {FLEET} could not be applied; the function is deployed" in done.stderr
    assert "kubectl --namespace faceblur auth can-i create persistentvolumeclaims" in done.stderr


def test_a_worker_that_crashes_is_an_error_at_once_with_its_own_words(fleet: Sandbox, function: str) -> None:
    fleet.write("workers", deployment(1))
    crashed = worker("b", waiting="CrashLoopBackOff", exit_code=1, restarts=2)
    fleet.write("fleet-pods", {"items": [worker("a", ready=True), crashed]})
    line = '{"level": "error", "message": "error: the ledger does not answer"}'
    (fleet.record / "pod.log").write_text(f"metrics on port 9401\n{line}\n")
    done = fleet.run("--registry", "r", "--fleet", FLEET, LOCAL_PORT=local_port(function))
    assert done.returncode == 1
    assert "a pod of workers does not start: error: the ledger does not answer" in done.stderr
    assert "kubectl --namespace faceblur describe pod b" in done.stderr


def test_a_pod_of_before_that_crashed_is_no_trouble_of_the_new_ones(fleet: Sandbox, function: str) -> None:
    crashed = worker("a", "old", waiting="CrashLoopBackOff", exit_code=1, restarts=9)
    fleet.write("fleet-pods", {"items": [crashed, worker("b", ready=True)]})
    fleet.write("workers", deployment(1, replicas=3))
    process = fleet.start("--registry", "r", "--fleet", FLEET, LOCAL_PORT=local_port(function))
    try:
        assert process.stdout is not None
        assert any(line == "workers: 1 of 2 pods are ready\n" for line in iter(process.stdout.readline, ""))
        fleet.write("workers", deployment(2))
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def test_what_pods_wait_for_is_said(fleet: Sandbox, function: str) -> None:
    fleet.write("workers", deployment(0))
    waiting = worker("a", unscheduled="0/2 nodes are available: unbound PersistentVolumeClaims. preemption: 0/2 nodes")
    fleet.write("fleet-pods", {"items": [waiting, worker("b", waiting="CreateContainerConfigError", message="no key")]})
    done = fleet.run("--registry", "r", "--fleet", FLEET, LOCAL_PORT=local_port(function))
    assert done.returncode == 1
    assert (
        "waiting for a node" in done.stdout
        and ": 0/2 nodes are available: unbound PersistentVolumeClaims\n" in done.stdout
    )
    assert "CreateContainerConfigError: no key" in done.stderr


@pytest.mark.parametrize(
    "options", [["--platform", "local"], ["--scale", "2"], ["--delete"], ["--fleet", str(ROOT / "deploy" / "fleet")]]
)
def test_a_fleet_does_not_go_with_everything(fleet: Sandbox, options: list[str]) -> None:
    assert fleet.run("--fleet", FLEET, *options).returncode == 2


def test_a_dry_run_shows_it(fleet: Sandbox) -> None:
    done = fleet.run("--dry-run", "--fleet", FLEET)
    assert f"kubectl apply --kustomize {FLEET}\n" in done.stdout and fleet.calls("kubectl") == []


def test_the_overlays_call_the_function_as_deploy_sh_names_it() -> None:
    base = yaml.safe_load(Path(ROOT, "deploy/fleet/base/kustomization.yaml").read_text())
    assert base["configMapGenerator"][0]["literals"] == ["FUNCTION=http://nuclio-faceblur.nuclio:8080"]
