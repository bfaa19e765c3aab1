"""deploy.sh looks before it builds: what cannot work is refused, and what is not said stays as it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from faceblur.detection.deployment import cluster
from faceblur.detection.deployment.cluster import Cluster
from faceblur.detection.deployment.platform_tools import DeployFailed, PlatformTools
from tests.support.deploy_sandbox import Sandbox, host, local_port

NODE_PORT = {"triggers": {"http": {"kind": "http", "attributes": {"serviceType": "NodePort", "port": 30123}}}}


def ago(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def deployments(sandbox: Sandbox) -> list[str]:
    return [call for call in sandbox.calls("nuctl") if " deploy " in call]


def test_what_is_not_said_stays_as_it_is(sandbox: Sandbox, function: str) -> None:
    sandbox.answer(external=[host(function)], port=30123)
    sandbox.stands(project="cvat", minReplicas=3, maxReplicas=3, build={"registry": "r.example.com/v"}, **NODE_PORT)
    done = sandbox.run("--name", "faceblur", PROJECT_EXISTS="yes")
    assert (done.returncode, done.stderr) == (0, "")
    (call,) = deployments(sandbox)
    assert "--project-name cvat" in call and "--registry r.example.com/v" in call
    spec = yaml.safe_load((sandbox.record / "faceblur/function.yaml").read_text())["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 3)
    assert spec["triggers"]["http"]["attributes"]["serviceType"] == "NodePort"
    assert spec["triggers"]["http"]["attributes"]["port"] == 30123
    assert "faceblur is there in the project cvat (ready), and is replaced" in done.stdout
    assert " becomes " not in done.stdout


def test_what_will_change_is_said_first(sandbox: Sandbox, function: str) -> None:
    sandbox.stands(maxReplicas=3, build={"registry": "r"}, **NODE_PORT)
    options = ("--cpu", "--replicas", "1", "--service-type", "ClusterIP")
    done = sandbox.run(*options, LOCAL_PORT=local_port(function))
    assert done.returncode == 0
    said = done.stdout.split("Deploying")[0]
    assert "model: retinaface-resnet50 becomes retinaface-mobilenet0.25" in said
    assert "replicas: 3 becomes 1" in said and "service type: NodePort becomes ClusterIP" in said


def test_the_local_platform_keeps_its_port(sandbox: Sandbox, function: str) -> None:
    sandbox.answer(external=[host(function)])
    ports = []
    for options in ((), ("--port", "8123")):
        assert sandbox.run("--platform", "local", *options).returncode == 0
        spec = yaml.safe_load((sandbox.record / "faceblur/function.yaml").read_text())["spec"]
        ports.append(spec["triggers"]["http"]["attributes"]["port"])
        sandbox.stands(**spec)
    assert 1024 < ports[0] <= 65535 and ports[1] == 8123
    assert "--image faceblur:local " in deployments(sandbox)[0]
    assert sandbox.run("--platform", "local").returncode == 0
    spec = yaml.safe_load((sandbox.record / "faceblur/function.yaml").read_text())["spec"]
    assert spec["triggers"]["http"]["attributes"]["port"] == 8123


def test_a_function_of_another_project_is_refused(sandbox: Sandbox) -> None:
    sandbox.stands(project="faceblur")
    done = sandbox.run("--project", "cvat", "--registry", "r")
    assert done.returncode == 1 and deployments(sandbox) == []
    assert "faceblur is deployed in the project faceblur" in done.stderr
    assert "--project cvat --name faceblur-cvat" in done.stderr


def test_a_registry_is_needed_where_nodes_pull(sandbox: Sandbox) -> None:
    done = sandbox.run("--cpu")
    assert done.returncode == 1 and deployments(sandbox) == []
    assert "without --registry no node can pull" in done.stderr and "--image IMAGE" in done.stderr


@pytest.mark.parametrize("state", ["building", "waitingForBuild", "waitingForResourceConfiguration"])
def test_somebody_else_s_deployment_is_left_alone(sandbox: Sandbox, state: str) -> None:
    sandbox.stands(state, changed=ago(120))
    done = sandbox.run()
    assert done.returncode == 1 and deployments(sandbox) == []
    assert f"its state has been {state} for 2 min" in done.stderr
    assert """patch nucliofunctions.nuclio.io faceblur --type merge --patch '{"status": {"state":""" in done.stderr
    assert not [call for call in sandbox.calls("kubectl") if call.startswith("patch")]


def test_a_deployment_that_was_left_is_taken_over(sandbox: Sandbox, function: str) -> None:
    sandbox.stands("building", changed=ago(3000))
    done = sandbox.run(LOCAL_PORT=local_port(function))
    assert done.returncode == 0
    assert "was left in the state building 50 min ago: taking it over" in done.stdout
    (patch,) = [call for call in sandbox.calls("kubectl") if call.startswith("patch")]
    assert '{"status": {"state": "error"}}' in patch


def test_without_kubectl_the_way_out_is_to_delete_it(sandbox: Sandbox) -> None:
    (sandbox.bin / "kubectl").unlink()
    sandbox.stands("building")
    done = sandbox.run()
    assert done.returncode == 1 and "./deploy.sh --delete --name faceblur" in done.stderr


def test_a_namespace_whose_controller_does_not_run_is_refused(sandbox: Sandbox) -> None:
    sandbox.write("controllers", {"items": [{"status": {}}]})
    done = sandbox.run()
    assert done.returncode == 1 and deployments(sandbox) == []
    assert "no Nuclio controller serves the namespace nuclio" in done.stderr


@pytest.fixture
def tools(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> PlatformTools:
    """The stand-ins, for this process."""
    for name in ("PATH", "RECORD"):
        monkeypatch.setenv(name, sandbox.environment[name])
    return PlatformTools("kube", "nuclio")


def test_a_controller_that_cannot_be_seen_is_tried(
    sandbox: Sandbox, tools: PlatformTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PROBE_SECONDS", 0.3)
    sandbox.write("controllers", {"items": []})
    with pytest.raises(DeployFailed, match="no Nuclio controller serves"):
        Cluster(tools, "faceblur").require_controller()
    assert '"disable": true' in (sandbox.record / "put.json").read_text()
    assert sandbox.calls("kubectl")[-1].startswith("delete nucliofunctions.nuclio.io faceblur-controller-probe")
    # One that takes it up.
    script = (sandbox.bin / "kubectl").read_text()
    taken = 'echo \'{"status": {"state": "ready"}}\''
    (sandbox.bin / "kubectl").write_text(script.replace('cat "$RECORD/probe.json"', taken))
    Cluster(tools, "faceblur").require_controller()


def test_a_tool_that_hangs_ends_with_the_right_to_ask_for(
    sandbox: Sandbox, tools: PlatformTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUCTL_HANGS", "yes")
    with pytest.raises(DeployFailed, match=r"nuctl gives no answer within 0\.5 s") as caught:
        tools.ask(tools.nuctl("get", "function", "faceblur"), seconds=0.5)
    assert "  kubectl --namespace nuclio auth can-i list services" in caught.value.hints
    assert "  kubectl --namespace nuclio auth can-i list deployments.apps" in caught.value.hints


def test_a_missing_right_is_named(sandbox: Sandbox) -> None:
    said = 'Error from server (Forbidden): pods is forbidden: User "u" cannot list resource "pods" in API group ""'
    done = sandbox.run(FORBIDDEN=said)
    assert done.returncode == 1 and deployments(sandbox) == []
    assert "must say yes:  kubectl --namespace nuclio auth can-i list pods" in done.stderr


def test_docker_is_needed_to_build_only(sandbox: Sandbox, tmp_path: Path) -> None:
    (sandbox.bin / "docker").unlink()
    done = sandbox.run()
    assert done.returncode == 1 and "docker is not on the PATH" in done.stderr and "--image" in done.stderr
