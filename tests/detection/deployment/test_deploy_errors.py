"""deploy.sh says what to do next when something fails, and refuses wrong calls before it does anything."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from faceblur.detection.deployment.deploy_options import DeployOptions, parse
from tests.support.deploy_sandbox import Sandbox, assert_forward_is_over


@pytest.mark.parametrize(
    ("environment", "state", "message", "hint"),
    [
        ({"NO_CLUSTER": "yes"}, "ready", "nuctl cannot reach Nuclio in namespace nuclio", "kubectl config current"),
        ({"CREATE_SAYS": "forbidden"}, "ready", "project faceblur could not be created", "get project"),
        ({"DEPLOY_FAILS": "yes"}, "ready", "the deployment of faceblur failed", "The whole log: "),
        ({}, "unhealthy", "failed: its state is unhealthy", "kubectl --namespace nuclio describe pods"),
        ({"FORWARD_FAILS": "yes"}, "ready", "kubectl could not forward a port", "auth can-i create pods/portforward"),
    ],
)
def test_a_failure_says_what_to_do_next(
    sandbox: Sandbox, environment: dict[str, str], state: str, message: str, hint: str
) -> None:
    sandbox.answer(state=state)
    done = sandbox.run(**environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert hint in done.stderr
    assert "Use it" not in done.stdout
    logs = list(sandbox.temporary.iterdir())
    assert bool(logs) == ("the deployment of faceblur failed" in done.stderr)
    assert all(str(log) in done.stderr for log in logs)


def test_what_the_failing_command_said_is_shown(sandbox: Sandbox) -> None:
    assert "no configuration" in sandbox.run(NO_CLUSTER="yes").stderr
    sandbox.run(DEPLOY_FAILS="yes")
    (log,) = sandbox.temporary.iterdir()
    assert "ImagePullBackOff" in log.read_text()
    assert "forbidden" in sandbox.run(FORWARD_FAILS="yes").stderr


def test_a_missing_tool_is_named(sandbox: Sandbox) -> None:
    (sandbox.bin / "kubectl").unlink()
    assert "kubectl is not on the PATH" in sandbox.run().stderr
    (sandbox.bin / "nuctl").unlink()
    done = sandbox.run()
    assert done.returncode == 1
    assert "nuctl is not on the PATH" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--replicas", "0"],
        ["--replicas", "two"],
        ["--service-type", "LoadBalancer"],
        ["--platform", "swarm"],
        ["--name", "Face_Blur"],
        ["--registry", "https://registry.example.com"],
        ["--registry"],
        ["--namespace", "--cpu"],
        ["--no-such-option"],
        ["--gate", "/"],
        ["--min-recall", "0.9"],
        ["--gate", "/", "--min-recall", "1.5"],
        ["--gate", "/no/such/place", "--min-recall", "0.5"],
        ["--platform", "local", "--replicas", "3"],
        ["--platform", "local", "--scale", "2"],
        ["--platform", "local", "--service-type", "NodePort"],
        ["--port", "65536"],
        ["--port", "30080", "--service-type", "ClusterIP"],
        ["--image", "r/a:1", "--registry", "r"],
        ["--scale", "0"],
        ["--scale", "2", "--replicas", "3"],
        ["--delete", "--scale", "2"],
        ["--delete", "--image", "r/a:1"],
        ["--delete", "--dry-run"],
        ["--scale", "2", "--dry-run"],
        ["--delete", "--project", "cvat"],
        ["--scale", "2", "--port", "30080"],
        ["--scale", "2", "--cpu"],
        ["--name", "a" * 52],
        ["--image", "r/a b"],
        ["--image", "r/A:1"],
        ["--image", "https://r/a:1"],
    ],
)
def test_a_wrong_call_does_nothing(sandbox: Sandbox, options: list[str]) -> None:
    done = sandbox.run(*options)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert sandbox.calls("nuctl") == []


@pytest.mark.parametrize(
    "image", ["a", "a:1", "r.example.com:5000/v/a_b", "R.example.com/a:V1.2-x", f"r/a@sha256:{'0' * 64}"]
)
def test_an_image_may_have_a_registry_a_tag_and_a_digest(image: str) -> None:
    assert parse(["--image", image, "--name", "a" * 51]).image == image


def test_help_names_every_option(sandbox: Sandbox) -> None:
    done = sandbox.run("--help")
    handled = {f"--{field.name.replace('_', '-')}" for field in fields(DeployOptions)}
    assert done.returncode == 0
    assert handled >= {"--namespace", "--cpu", "--dry-run"}
    assert set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", done.stdout, re.MULTILINE)) - {"--help"} == handled


def test_a_failed_check_fails_the_deployment_and_ends_the_forwarding(sandbox: Sandbox) -> None:
    done = sandbox.run("--registry", "r", LOCAL_PORT="9")
    assert done.returncode == 1
    assert "failed the check" in done.stderr
    assert "cannot connect" in done.stderr
    assert "don't use it for footage" in done.stderr
    assert_forward_is_over(sandbox)
    assert list(sandbox.temporary.iterdir()) == []
