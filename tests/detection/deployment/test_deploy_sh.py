"""deploy.sh deploys the function, reaches it and checks one real face."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.deploy_sandbox import ROOT, SERVED_INSIDE, Sandbox, assert_forward_is_over, host, local_port


def test_a_deployment_creates_the_project_stages_what_is_needed_and_checks_a_face(
    sandbox: Sandbox, function: str
) -> None:
    sandbox.answer(external=[host(function)], port=30080)
    done = sandbox.run("--registry", "registry.example.com/videos", "--replicas", "3", "--service-type", "NodePort")
    assert (done.returncode, done.stderr) == (0, "")
    shared = "--platform kube --namespace nuclio"
    calls = sandbox.calls("nuctl")
    stage = re.search(r"--path (\S+)", calls[4])
    assert stage
    assert calls == [
        f"{shared} get project",
        f"{shared} get function faceblur -o json",
        f"{shared} get project faceblur",
        f"{shared} create project faceblur",
        f"{shared} deploy faceblur --project-name faceblur --path {stage[1]} --image faceblur:kube"
        f" --registry registry.example.com/videos --file {stage[1]}/function.yaml",
        f"{shared} get function faceblur -o json",
    ]
    assert not [call for call in sandbox.calls("kubectl") if not call.startswith("get ")]
    stage_folder = sandbox.record / "faceblur"
    staged = {str(path.relative_to(stage_folder)) for path in stage_folder.rglob("*.*")}
    assert staged == {"function.yaml"} | {
        str(path.relative_to(ROOT / "function"))
        for path in (ROOT / "function" / "faceblur_function").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    deployed = yaml.safe_load((stage_folder / "function.yaml").read_text())
    spec = deployed["spec"]
    assert (spec.pop("minReplicas"), spec.pop("maxReplicas")) == (3, 3)
    assert spec["triggers"]["http"]["attributes"].pop("serviceType") == "NodePort"
    expected = yaml.safe_load((ROOT / "function.yaml").read_text())
    del expected["spec"]["minReplicas"], expected["spec"]["maxReplicas"]
    assert deployed == expected
    assert "came back blurred" in done.stdout
    assert f"faceblur run --function {function} VIDEOS" in done.stdout
    assert list(sandbox.temporary.iterdir()) == []


@pytest.mark.parametrize("missing_rc", ["0", "1"])
def test_an_existing_project_is_left_alone(sandbox: Sandbox, function: str, missing_rc: str) -> None:
    sandbox.answer(external=[host(function)])
    done = sandbox.run(
        "--project", "cvat", "--namespace", "tools", "--registry", "r", PROJECT_EXISTS="yes", MISSING_RC=missing_rc
    )
    assert done.returncode == 0
    assert not [call for call in sandbox.calls("nuctl") if "create" in call]
    assert all("--namespace tools" in call for call in sandbox.calls("nuctl"))
    again = sandbox.run("--project", "cvat", "--registry", "r", MISSING_RC=missing_rc)
    assert again.returncode == 0
    assert sandbox.calls("nuctl")[-3].endswith("create project cvat")


def test_a_project_that_another_deployment_just_created_is_fine(sandbox: Sandbox, function: str) -> None:
    sandbox.answer(external=[host(function)])
    assert sandbox.run(CREATE_SAYS='nuclioprojects "faceblur" already exists').returncode == 0


def test_a_function_inside_the_cluster_is_checked_through_a_forwarded_port(sandbox: Sandbox, function: str) -> None:
    done = sandbox.run("--name", "blur2", "--namespace", "tools", "--registry", "r", LOCAL_PORT=local_port(function))
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.calls("kubectl")[-1] == "port-forward svc/nuclio-blur2 :8080"
    assert f"--function http://{SERVED_INSIDE[0]} VIDEOS" in done.stdout
    assert "kubectl --namespace tools port-forward svc/nuclio-blur2 8080:8080" in done.stdout
    assert yaml.safe_load((sandbox.record / "blur2/function.yaml").read_text())["metadata"]["name"] == "blur2"
    assert_forward_is_over(sandbox)


def test_a_node_port_without_a_known_node_is_named(sandbox: Sandbox, function: str) -> None:
    sandbox.answer(port=30123)
    done = sandbox.run("--service-type", "NodePort", "--registry", "r", LOCAL_PORT=local_port(function))
    assert done.returncode == 0
    assert "--function http://ANY-NODE:30123 VIDEOS" in done.stdout


def test_unhealthy_for_a_moment_is_waited_for(sandbox: Sandbox, function: str) -> None:
    """The dashboard of the local platform looked at the container that was just replaced."""
    port = int(local_port(function))
    sandbox.answer(state="unhealthy", external=[host(function)], port=port)
    (sandbox.record / "deployed.json").rename(sandbox.record / "moment.json")
    sandbox.answer(external=[host(function)], port=port)
    done = sandbox.run("--platform", "local")
    assert (done.returncode, done.stderr) == (0, "")


def test_docker_s_platform_is_reached_on_this_machine(sandbox: Sandbox, function: str) -> None:
    sandbox.answer(external=[f"0.0.0.0:{local_port(function)}"], port=int(local_port(function)))
    assert f"--function {function} VIDEOS" in sandbox.run("--platform", "local").stdout
    sandbox.answer(port=int(local_port(function)))
    assert f"--function {function} VIDEOS" in sandbox.run("--platform", "local").stdout
    assert sandbox.calls("kubectl") == []


def test_a_dry_run_prints_everything_and_changes_nothing(sandbox: Sandbox) -> None:
    (sandbox.bin / "nuctl").unlink()
    done = sandbox.run("--dry-run", "--cpu", "--replicas", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nuctl --platform kube --namespace nuclio deploy faceblur --project-name faceblur" in done.stdout
    assert "URL/check" in done.stdout and str(sandbox.temporary) not in done.stdout
    assert "./faceblur_function/main.py" in done.stdout
    assert "__pycache__" not in done.stdout
    shown = yaml.safe_load(done.stdout.partition("# function.yaml\n")[2])
    assert shown["spec"]["build"]["baseImage"] == "python:3.11-slim"
    assert (shown["spec"]["minReplicas"], shown["spec"]["maxReplicas"]) == (2, 2)
    assert not [tool for tool in ("nuctl", "kubectl", "docker") if sandbox.calls(tool)]
    assert list(sandbox.temporary.iterdir()) == []


def test_a_reader_that_has_what_it_wants_ends_nothing(sandbox: Sandbox) -> None:
    """As with `| head -1`: it was a traceback, and would have ended a deployment in its midst."""
    with sandbox.start("--dry-run") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (0, "")


def test_shellcheck_has_nothing_to_say() -> None:
    checker = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([str(checker), str(ROOT / "deploy.sh")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
