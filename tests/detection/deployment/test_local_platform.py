"""Nuclio's local platform: what is left half done is taken over, and Ctrl-C gives the function back as it was."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from faceblur.detection.deployment.deploy_options import DeployOptions
from faceblur.detection.deployment.nuctl_answers import Standing
from faceblur.detection.deployment.plan import plan
from tests.support.deploy_sandbox import Sandbox, host
from tests.support.fleet import until

LOCAL = ("--platform", "local", "--cpu")
WORDS = "faceblur cannot start: THRESHOLD=3: input should be less than or equal to 1"


def keep(sandbox: Sandbox, state: str) -> None:
    """Nuclio keeps the function in this state, with a port."""
    function = {"spec": {"triggers": {"http": {"attributes": {"port": 8123}}}}, "status": {"state": state}}
    (sandbox.record / "store").write_text(base64.b64encode(json.dumps(function).encode()).decode())


def kept(sandbox: Sandbox) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode((sandbox.record / "store").read_text())))


def deployments(sandbox: Sandbox) -> list[str]:
    return [call for call in sandbox.calls("nuctl") if " deploy " in call]


def test_a_deployment_that_nobody_ends_is_taken_over(sandbox: Sandbox, function: str) -> None:
    sandbox.stands("building")
    sandbox.answer(external=[host(function)])
    keep(sandbox, "building")
    done = sandbox.run(*LOCAL)
    assert done.returncode == 1 and deployments(sandbox) == []
    assert "its state has been building for 0 min" in done.stderr
    assert "  ./deploy.sh --platform local --delete --name faceblur" in done.stderr.splitlines()[-1]
    before = time.time() - 1500
    os.utime(sandbox.record / "store", (before, before))
    done = sandbox.run(*LOCAL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "faceblur was left in the state building 25 min ago: taking it over" in done.stdout
    assert kept(sandbox)["status"]["state"] == "error"


@pytest.mark.parametrize(
    ("was_there", "is_replaced", "says", "state"),
    [
        (True, False, "nothing was changed; what ran as faceblur still runs", "ready"),
        (True, True, "faceblur does not run", "error"),
        (False, False, "faceblur is not deployed", "building"),
    ],
)
def test_ctrl_c_gives_the_function_back(
    sandbox: Sandbox, was_there: bool, is_replaced: bool, says: str, state: str
) -> None:
    keep(sandbox, "building")
    (sandbox.record / "store").rename(sandbox.record / "building")
    if was_there:
        sandbox.stands("ready")
        keep(sandbox, "ready")
    (sandbox.record / "container.id").write_text("1")
    begin = '"deploy "*)\n    cp "$RECORD/building" "$RECORD/store"'
    begin += '; echo 2 >"$RECORD/container.id"' if is_replaced else ""
    script = (sandbox.bin / "nuctl").read_text()
    (sandbox.bin / "nuctl").write_text(script.replace('"deploy "*)', begin))
    with sandbox.start(*LOCAL, DEPLOY_HANGS="yes") as process:
        until((sandbox.record / "nuctl.pid").exists, what="nuctl begins")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=90)
    assert (process.returncode, err) == (130, "") and f"stopped: {says}" in out
    assert kept(sandbox)["status"]["state"] == state
    assert sandbox.calls("nuctl")[-1].endswith("delete function faceblur --force") != was_there
    assert ("rm --force nuclio-nuclio-faceblur" in sandbox.calls("docker")) == is_replaced


def test_a_crash_ends_it_and_the_next_deployment_keeps_the_port(sandbox: Sandbox, tmp_path: Path) -> None:
    log = tmp_path / "nuctl.log"
    log.write_text("26.11.25 (I) Pushing docker image into registry\n26.11.25 (I) Waiting for function to be ready\n")
    sandbox.stands("ready")
    keep(sandbox, "building")
    sandbox.write("container", {"Status": "restarting", "ExitCode": 1})
    (sandbox.record / "pod.log").write_text(f"{WORDS}\n")
    done = sandbox.run(*LOCAL, DEPLOY_HANGS="yes", NUCTL_LOG=str(log))
    assert done.returncode == 1 and f"failed: {WORDS}" in done.stderr
    assert "starting the container" in done.stdout and "pushing" not in done.stdout
    assert not Path(f"/proc/{(sandbox.record / 'nuctl.pid').read_text().strip()}").exists()
    assert kept(sandbox)["status"]["state"] == "error"
    assert kept(sandbox)["spec"]["triggers"]["http"]["attributes"]["port"] == 8123
    assert sandbox.calls("docker")[-1].startswith("exec") and "rm --force" in "".join(sandbox.calls("docker"))


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"NO_IMAGE": "yes"}, "docker cannot pull r/faceblur:7"),
        ({"HEALTHCHECK": "null"}, "r/faceblur:7 has no HEALTHCHECK, so it was built for Kubernetes"),
    ],
)
def test_an_image_that_cannot_run_is_refused_first(sandbox: Sandbox, environment: dict[str, str], says: str) -> None:
    """Nuclio ends the container of before, then starts the new one."""
    sandbox.stands("ready")
    done = sandbox.run(*LOCAL, "--image", "r/faceblur:7", **environment)
    assert done.returncode == 1 and deployments(sandbox) == []
    assert f"error: {says}" in done.stderr


def test_a_port_that_is_taken_is_refused_first_but_not_the_functions_own(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = sandbox.run(*LOCAL, "--port", str(port))
        assert done.returncode == 1 and f"error: --port {port}: something on this machine listens there" in done.stderr
        assert not [call for call in sandbox.calls("nuctl") if " deploy " in call]
        own = Standing(port=port)
        assert plan(DeployOptions(platform="local", port=port), own).port == port
        assert plan(DeployOptions(platform="local"), own).port == port
    assert plan(DeployOptions(platform="local", port=port), None).port == port
