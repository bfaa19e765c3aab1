"""The cause of a failed deployment in one line, and the one step that fits."""

from __future__ import annotations

import pytest

from faceblur.detection.deployment.causes import find_cause
from faceblur.detection.deployment.deploy_options import DeployOptions
from faceblur.detection.deployment.platform_tools import PlatformTools
from faceblur.detection.deployment.pods import Trouble

# As nuctl prints the log of a pod: the wrapper's line, then a Go panic.
CRASH = """\
26.11.25 10:00:00.000 \x1b[33m(W)\x1b[0m nuctl Function creation failed {"err": "x"}
{"datetime": "…", "level": "error", "message": "Exception raised while running init_context"}
faceblur cannot start: THRESHOLD=3: input should be less than or equal to 1
panic: Wrapper process for worker 0 exited unexpectedly with: exit status 1

goroutine 1 [running]:
Error - Failed to wait for function readiness.
    /nuclio/pkg/platform/kube/client/deployer.go:140
"""
IN_JSON = '{"err": "Pod logs:\\n* p\\nfaceblur cannot start: DEVICE=cuda, but torch 2 sees no usable NVIDIA GPU: x\\n"}'
FORBIDDEN = 'Error - secrets is forbidden: User "u" cannot list resource "secrets" in API group "" in the namespace "n"'
DEPLOYMENTS = 'User "u" cannot list resource "deployments" in API group "apps" in the namespace "n"'


@pytest.mark.parametrize(
    ("log", "options", "text", "step"),
    [
        (CRASH, {}, "faceblur cannot start: THRESHOLD=3: input should be less", "Correct it in function.yaml"),
        (IN_JSON, {}, "faceblur cannot start: DEVICE=cuda, but torch 2 sees no usable NVIDIA GPU: x", "--cpu"),
        (IN_JSON, {"cpu": True}, "faceblur cannot start: DEVICE=cuda", "Correct it in function.yaml"),
        (FORBIDDEN, {}, "cannot list resource", "kubectl --namespace nuclio auth can-i list secrets"),
        (DEPLOYMENTS, {}, "cannot list resource", "kubectl --namespace nuclio auth can-i list deployments.apps"),
        (
            "Error - Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?",
            {},
            "Cannot connect to the Docker daemon",
            "docker version",
        ),
        (
            "Error - Function cannot be updated when existing function is being provisioned",
            {},
            "being provisioned",
            "Wait until the other deployment ends",
        ),
        (
            "denied: requested access to the resource is denied\nError - Failed to push docker image\n",
            {"registry": "r.example.com/videos"},
            "requested access to the resource is denied",
            "docker login r.example.com",
        ),
        (
            "docker: Error response from daemon: driver failed programming external connectivity on endpoint f: Bind "
            "for 0.0.0.0:8123 failed: port is already allocated.\nError - Failed to run a Docker container\n",
            {"platform": "local"},
            "Bind for 0.0.0.0:8123 failed: port is already allocated",
            "--port N",
        ),
        (
            "ERROR: No matching distribution found for msgpack\nError - Failed to build\n",
            {},
            "No matching distribution found for msgpack",
            "closed network",
        ),
        (
            'Error response from daemon: Get "https://quay.io/v2/": no such host\nFailed to pull image\n',
            {},
            'Error response from daemon: Get "https://quay.io/v2/": no such host',
            "quay.io",
        ),
        (
            "Error - exit status 125\ndocker: Error response from daemon: no such image: r/a:1.\n",
            {"platform": "local", "image": "r/a:1"},
            "no such image: r/a:1",
            "docker pull r/a:1",
        ),
        ("26.11.25 x (I) all well\nError - Something new\n    /a.go:1\n", {}, "Something new", "LOOK"),
        ("", {}, "nuctl says no more", "LOOK"),
    ],
)
def test_causes(log: str, options: dict[str, object], text: str, step: str) -> None:
    cause = find_cause(log, None, DeployOptions(**options), PlatformTools("kube", "nuclio"), "LOOK")  # type: ignore[arg-type]
    assert text in cause.text and "\x1b" not in cause.text and "\n" not in cause.text
    assert step in cause.step


def test_a_pod_s_trouble_and_its_own_words() -> None:
    tools, options = PlatformTools("kube", "nuclio"), DeployOptions()
    pull = Trouble("ImagePullBackOff", "Back-off pulling image r/a:1", "p")
    assert "imagePullSecrets" in find_cause("", pull, options, tools, "LOOK").step
    assert find_cause("", pull, options, tools, "LOOK").text.startswith("ImagePullBackOff: Back-off pulling")
    crash = Trouble("CrashLoopBackOff", "the container ended with 1", "p")
    assert find_cause(CRASH, crash, options, tools, "LOOK").text.startswith("faceblur cannot start: THRESHOLD=3")
    memory = Trouble("OOMKilled", "the container ended with 137", "p")
    assert "resources.limits.memory" in find_cause("", memory, options, tools, "LOOK").step
