"""While nuctl waits, deploy.sh says what the pods wait for, and ends when they never start. It can be interrupted."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from faceblur.detection.deployment import watch
from faceblur.detection.deployment.platform_tools import PlatformTools
from tests.support.deploy_sandbox import Sandbox
from tests.support.fleet import until
from tests.support.pod_states import pod

WORDS = "faceblur cannot start: THRESHOLD=3: input should be less than or equal to 1"


def gone(sandbox: Sandbox) -> bool:
    pid = int((sandbox.record / "nuctl.pid").read_text())
    return not Path(f"/proc/{pid}").exists()


def patches(sandbox: Sandbox) -> list[str]:
    return [call for call in sandbox.calls("kubectl") if call.startswith("patch nucliofunctions")]


def crash(sandbox: Sandbox) -> None:
    """New pods crash once nuctl has begun."""
    sandbox.write("later", {"items": [pod("new", waiting="CrashLoopBackOff", exit_code=1, restarts=1)]})
    script = (sandbox.bin / "nuctl").read_text()
    begin = '"deploy "*)\n    cp "$RECORD/later.json" "$RECORD/pods.json"'
    (sandbox.bin / "nuctl").write_text(script.replace('"deploy "*)', begin))


def replica_set(revision: str, ready: int) -> dict[str, object]:
    annotations = {"deployment.kubernetes.io/revision": revision}
    return {"metadata": {"annotations": annotations}, "status": {"readyReplicas": ready}}


@pytest.fixture
def starting(sandbox: Sandbox) -> Sandbox:
    """A cluster in which a deployment starts pods, and nuctl waits for them for ever."""
    sandbox.stands(build={"registry": "r"})
    sandbox.write("starting", {"metadata": {}, "status": {"state": "configuringResources"}})
    (sandbox.record / "pod.log").write_text(f"a long log\n{WORDS}\npanic: Wrapper process exited\n\ngoroutine 1\n")
    return sandbox


def test_a_crash_ends_it_with_the_function_s_own_words(starting: Sandbox) -> None:
    crash(starting)
    done = starting.run("--registry", "r", DEPLOY_HANGS="yes")  # nuctl would wait for ten minutes
    assert done.returncode == 1
    last = done.stderr.splitlines()[-10:]
    assert f"error: the deployment of faceblur failed: {WORDS}" in last
    assert "  Correct it in function.yaml (docs/settings.md lists the settings), and deploy again." in last
    (log,) = starting.temporary.iterdir()
    assert "goroutine 1" in log.read_text() and f"The whole log: {log}" in last[-1]
    assert "goroutine" not in done.stderr
    assert "starting again after a crash" in done.stdout
    assert gone(starting)
    # Nuclio would refuse the next deployment else.
    assert len(patches(starting)) == 1 and '"state": "error"' in patches(starting)[0]


@pytest.mark.parametrize(
    ("sets", "ends"),
    [
        ([replica_set("3", 0), replica_set("2", 0), replica_set("1", 2)], "rollout undo deployment/nuclio-faceblur"),
        ([replica_set("1", 0)], 'patch deployments nuclio-faceblur --type merge --patch {"spec": {"replicas": 0}}'),
    ],
    ids=["some serve", "none serves"],
)
def test_a_failed_start_is_ended_for_which_the_controller_would_wait(
    starting: Sandbox, sets: list[object], ends: str
) -> None:
    """Until then it takes up no other change. What serves goes on."""
    crash(starting)
    starting.write("deployment", {"status": {"replicas": 3, "readyReplicas": 2}})
    starting.write("replicasets", {"items": sets})
    assert starting.run("--registry", "r", DEPLOY_HANGS="yes").returncode == 1
    (call,) = [call for call in starting.calls("kubectl") if call.startswith(("rollout", "patch deployments"))]
    assert call.startswith(ends)
    assert "undo" not in call or call.endswith("--to-revision=1")


def test_a_deployment_counts_with_its_own_pods_only(starting: Sandbox) -> None:
    """To Nuclio, and so to nuctl, a function is ready while pods of before serve."""
    crash(starting)
    starting.write("pods", {"items": [pod("old", ready=True)]})
    done = starting.run("--registry", "r")
    assert done.returncode == 1 and f"failed: {WORDS}" in done.stderr


@pytest.mark.parametrize(
    ("message", "step"),
    [
        ('pods "f" is forbidden: violates PodSecurity "restricted:latest": x', "see hardening in docs/deploy.md"),
        (
            'pods "f" is forbidden: exceeded quota: q, requested: pods=1',
            "Ask for what forbids it to be changed: a quota",
        ),
    ],
)
def test_pods_that_may_not_be_made_end_it_with_the_reason(starting: Sandbox, message: str, step: str) -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    starting.write("deployment", {"spec": {"replicas": 1}, "status": {"conditions": [refused]}})
    starting.write("replicasets", {"items": [replica_set("1", 0)]})
    done = starting.run("--registry", "r", DEPLOY_HANGS="yes")
    assert done.returncode == 1
    assert f"error: the deployment of faceblur failed: FailedCreate: {message}" in done.stderr and step in done.stderr
    # The controller would wait for these pods, and take up no other change.
    assert any(call.startswith("patch deployments nuclio-faceblur") for call in starting.calls("kubectl"))


def test_it_ends_when_the_controller_does_not_take_it_up(
    starting: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PATH", "RECORD"):
        monkeypatch.setenv(name, starting.environment[name])
    monkeypatch.setenv("DEPLOY_HANGS", "yes")
    monkeypatch.setattr(watch, "UNTAKEN_SECONDS", 1.0)
    tools = PlatformTools("kube", "nuclio")
    (tmp_path / "staged").mkdir()
    command = tools.nuctl("deploy", "faceblur", "--file", str(tmp_path / "staged" / "function.yaml"))
    with pytest.raises(watch.NeverReady, match="controller has not taken it up"):
        watch.Watch(tools, "faceblur", 1, 60.0, lambda line: None).run(command, tmp_path / "log")
    assert gone(starting)


@pytest.mark.parametrize(
    ("state", "says", "released"),
    [
        ("building", "nothing was changed in the cluster; what ran as faceblur still runs", 1),
        ("configuringResources", "the cluster goes on starting the new pods of faceblur", 1),
    ],
)
def test_an_interrupted_deployment_can_be_deployed_again(
    starting: Sandbox, state: str, says: str, released: int
) -> None:
    starting.write("starting", {"metadata": {}, "status": {"state": state}})
    with starting.start("--registry", "r", DEPLOY_HANGS="yes") as process:
        until((starting.record / "nuctl.pid").exists, what="nuctl begins")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=90)
    assert (process.returncode, err) == (130, "")
    assert f"stopped: {says}" in out
    assert gone(starting) and len(patches(starting)) == released
    assert list(starting.temporary.iterdir()) == []
