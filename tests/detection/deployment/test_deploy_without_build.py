"""Deployments without a build: an image that exists, another number of pods, and the end of a function."""

from __future__ import annotations

import json

from tests.support.deploy_sandbox import Sandbox, local_port
from tests.support.pod_states import pod


def test_an_image_is_deployed_without_docker_and_without_nuctl_deploy(sandbox: Sandbox, function: str) -> None:
    (sandbox.bin / "docker").unlink()
    sandbox.write("pods", {"items": []})
    script = (sandbox.bin / "kubectl").read_text()
    appear = f"echo '{json.dumps({'items': [pod('a', ready=True), pod('b', ready=True)]})}' >\"$RECORD/pods.json\"; cat"
    (sandbox.bin / "kubectl").write_text(script.replace('cat >"$RECORD/put.json"', f'{appear} >"$RECORD/put.json"'))
    done = sandbox.run("--image", "r.example.com/v/faceblur:7", "--replicas", "2", LOCAL_PORT=local_port(function))
    assert (done.returncode, done.stderr) == (0, "")
    assert not [call for call in sandbox.calls("nuctl") if " deploy " in call]
    resource = json.loads((sandbox.record / "put.json").read_text())
    assert resource["kind"] == "NuclioFunction" and resource["apiVersion"] == "nuclio.io/v1beta1"
    assert resource["spec"]["image"] == "r.example.com/v/faceblur:7"
    assert resource["spec"]["build"] == {"codeEntryType": "image"} and resource["spec"]["imageHash"]
    assert (resource["spec"]["minReplicas"], resource["spec"]["maxReplicas"]) == (2, 2)
    assert resource["status"] == {"state": "waitingForResourceConfiguration"}
    assert resource["metadata"]["labels"] == {"nuclio.io/project-name": "faceblur"}
    assert "came back blurred" in done.stdout


# As Nuclio 1.14.1 put it into the function's status.
REFUSED = """Error - Service "nuclio-faceblur" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided \
port is not in the valid range. The range of valid ports is 30000-32767
    .../nuclio/pkg/platform/kube/functionres/lazy.go:938

Call stack:
Failed to update resource
    .../nuclio/pkg/platform/kube/functionres/lazy.go:938
"""


def test_a_port_that_the_nodes_refuse_is_named_with_its_way_out(sandbox: Sandbox) -> None:
    sandbox.write("deployed", {"metadata": {"name": "faceblur"}, "status": {"state": "error", "message": REFUSED}})
    done = sandbox.run("--image", "r/faceblur:7", "--service-type", "NodePort", "--port", "80")
    assert done.returncode == 1
    error, step, _ = done.stderr.splitlines()
    assert error.startswith("error: the deployment of faceblur failed: ")
    assert error.endswith("The range of valid ports is 30000-32767") and "--service-type ClusterIP" in step


def test_an_image_on_the_local_platform_is_nuctl_s(sandbox: Sandbox, function: str) -> None:
    sandbox.answer(external=[f"0.0.0.0:{local_port(function)}"])
    done = sandbox.run("--platform", "local", "--image", "faceblur:9")
    assert done.returncode == 0
    (call,) = [call for call in sandbox.calls("nuctl") if " deploy " in call]
    assert "--run-image faceblur:9 " in call and "--path" not in call


def test_scale_changes_the_number_of_pods_and_nothing_else(sandbox: Sandbox) -> None:
    sandbox.stands(minReplicas=1, maxReplicas=1, readinessTimeoutSeconds=900)
    sandbox.write("pods", {"items": [pod("a", ready=True), pod("b", ready=True), pod("c", ready=True)]})
    done = sandbox.run("--scale", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "3 of 3 pods are ready"
    (patch,) = [call for call in sandbox.calls("kubectl") if call.startswith("patch")]
    changes = json.loads(patch.split("--patch ")[1])
    assert changes["spec"] == {"minReplicas": 3, "maxReplicas": 3, "replicas": None}
    assert changes["status"] == {"state": "waitingForResourceConfiguration"}
    assert sandbox.calls("nuctl") == []


def test_scale_says_how_many_became_ready(sandbox: Sandbox) -> None:
    sandbox.stands(readinessTimeoutSeconds=3)
    sandbox.write("patched", {"metadata": {}, "status": {"state": "configuringResources"}})
    waiting = pod("c", unscheduled="0/2 nodes are available: 2 Insufficient nvidia.com/gpu.")
    sandbox.write("pods", {"items": [pod("a", ready=True), pod("b", ready=True), waiting]})
    done = sandbox.run("--scale", "3")
    assert done.returncode == 1
    assert "2 of 3 pods are ready; waiting for a node with nvidia.com/gpu" in done.stdout
    assert "error: 2 of 3 pods are ready: not ready within 3 s" in done.stderr


def test_scale_of_nothing_and_of_a_function_in_work(sandbox: Sandbox) -> None:
    done = sandbox.run("--scale", "2")
    assert done.returncode == 1 and "there is no function faceblur in namespace nuclio" in done.stderr
    sandbox.stands("building")
    done = sandbox.run("--scale", "2")
    assert done.returncode == 1 and "its state is building" in done.stderr


def test_delete(sandbox: Sandbox) -> None:
    sandbox.stands()
    done = sandbox.run("--delete")
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.calls("nuctl")[-1] == "--platform kube --namespace nuclio delete function faceblur --force"
    done = sandbox.run("--delete", "--name", "other")
    assert done.returncode == 1 and "there is no function other in namespace nuclio" in done.stderr
