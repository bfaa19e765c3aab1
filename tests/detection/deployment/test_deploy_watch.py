"""While nuctl waits, deploy.sh says what the pods wait for, and ends when they never start. It can be interrupted."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.support.deploy_sandbox import Sandbox
from tests.support.pod_states import pod

WORDS = "faceblur cannot start: THRESHOLD=3: input should be less than or equal to 1"


def gone(sandbox: Sandbox) -> bool:
    pid = int((sandbox.record / "nuctl.pid").read_text())
    return not Path(f"/proc/{pid}").exists()


def patches(sandbox: Sandbox) -> list[str]:
    return [call for call in sandbox.calls("kubectl") if call.startswith("patch")]


@pytest.fixture
def starting(sandbox: Sandbox) -> Sandbox:
    """A cluster in which a deployment starts pods, and nuctl waits for them for ever."""
    sandbox.stands(build={"registry": "r"})
    sandbox.write("starting", {"metadata": {}, "status": {"state": "configuringResources"}})
    (sandbox.record / "pod.log").write_text(f"a long log\n{WORDS}\npanic: Wrapper process exited\n\ngoroutine 1\n")
    return sandbox


def test_a_crash_ends_it_with_the_function_s_own_words(starting: Sandbox) -> None:
    starting.write("pods", {"items": [pod("new", waiting="CrashLoopBackOff", exit_code=1, restarts=1)]})
    (starting.record / "pods.json").rename(starting.record / "later.json")
    script = (starting.bin / "nuctl").read_text()
    appear = 'cp "$RECORD/later.json" "$RECORD/pods.json"; exec sleep 600\n    fi'
    (starting.bin / "nuctl").write_text(script.replace("exec sleep 600\n    fi", appear))
    begun = time.monotonic()
    done = starting.run("--registry", "r", DEPLOY_HANGS="yes")
    assert done.returncode == 1 and time.monotonic() - begun < 30
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


def test_a_crash_of_the_local_container_ends_it_too(sandbox: Sandbox, tmp_path: Path) -> None:
    log = tmp_path / "nuctl.log"
    log.write_text("26.11.25 (I) Building processor image\n26.11.25 (I) Waiting for function to be ready\n")
    sandbox.write("container", {"Status": "restarting", "ExitCode": 1})
    (sandbox.record / "pod.log").write_text(f"{WORDS}\n")
    done = sandbox.run("--platform", "local", "--cpu", DEPLOY_HANGS="yes", NUCTL_LOG=str(log))
    assert done.returncode == 1 and f"failed: {WORDS}" in done.stderr
    assert "starting the container" in done.stdout
    assert gone(sandbox) and sandbox.calls("nuctl")[-1].endswith("delete function faceblur --force")


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
        deadline = time.monotonic() + 60
        while not (starting.record / "nuctl.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert f"stopped: {says}" in out
    assert gone(starting) and len(patches(starting)) == released
    assert list(starting.temporary.iterdir()) == []
