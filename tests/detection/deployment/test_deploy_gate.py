"""deploy.sh --gate: a candidate replaces the function only when it detects enough labelled faces."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.support.deploy_sandbox import IMAGE, Sandbox, host, local_port


def test_a_candidate_that_passes_is_deployed_by_its_image(sandbox: Sandbox, function: str, labels: Path) -> None:
    options = ("--registry", "r.example.com/v", "--replicas", "2", "--gate", str(labels), "--min-recall", "0.5")
    done = sandbox.run(*options, LOCAL_PORT=local_port(function), PROJECT_EXISTS="yes")
    assert (done.returncode, done.stderr) == (0, "")
    calls = [call.removeprefix("--platform kube --namespace nuclio ") for call in sandbox.calls("nuctl")]
    first, last = (call for call in calls if call.startswith("deploy "))
    assert [call.split(" --")[0] for call in calls] == [
        "get project",
        "get function faceblur -o json",
        "get project faceblur",
        "deploy faceblur-gate",
        "get function faceblur-gate -o json",
        "delete function faceblur-gate",
        "deploy faceblur",
        "get function faceblur -o json",
    ]
    assert re.search(r" --path \S+ --image faceblur:\d{8}-\d{6} --registry r\.example\.com/v --file ", first)
    # nuctl would build another image with any of these.
    assert f" --run-image {IMAGE} --file " in last
    assert not re.search(r" --(path|image|registry) ", last)
    # What is deployed differs from what was measured by its name alone.
    candidate, deployed = (
        yaml.safe_load((sandbox.record / name / "function.yaml").read_text()) for name in ("faceblur-gate", "faceblur")
    )
    assert candidate["metadata"].pop("name") == "faceblur-gate" and deployed["metadata"].pop("name") == "faceblur"
    for one, replicas in ((candidate, 1), (deployed, 2)):
        assert (one["spec"].pop("minReplicas"), one["spec"].pop("maxReplicas")) == (replicas, replicas)
    assert candidate == deployed
    forwarded = [call.split()[1] for call in sandbox.calls("kubectl") if call.startswith("port-forward")]
    assert forwarded == ["svc/nuclio-faceblur-gate", "svc/nuclio-faceblur"]
    assert "labels: 1 images, 0 videos, 2 faces, 0 ignored" in done.stdout
    assert "came back blurred" in done.stdout
    assert list(sandbox.temporary.iterdir()) == []


def test_a_candidate_that_fails_is_deleted_and_nothing_else_is_touched(
    sandbox: Sandbox, function: str, labels: Path
) -> None:
    sandbox.answer(external=[host(function)])
    options = ("--registry", "r", "--gate", str(labels), "--min-recall", "0.51")
    done = sandbox.run(*options)
    assert done.returncode == 1
    assert "recall 0.5000 of faces of 16 and more pixels is below --min-recall 0.51" in done.stderr
    assert "faceblur was not deployed, what ran before still runs" in done.stderr
    calls = sandbox.calls("nuctl")
    assert calls[-1].endswith("delete function faceblur-gate --force")
    assert not [call for call in calls if " deploy faceblur " in call]
    done = sandbox.run(*options, DEPLOY_FAILS="yes", DELETE_FAILS="yes")
    assert done.returncode == 1 and "the deployment of faceblur-gate failed" in done.stderr
    assert "warning: faceblur-gate could not be deleted" in done.stderr
    assert sandbox.calls("nuctl")[-1].endswith("delete function faceblur-gate --force")


def test_broken_labels_end_it_before_anything_is_built(sandbox: Sandbox, labels: Path) -> None:
    (labels / "a.jpg").unlink()
    done = sandbox.run("--gate", str(labels), "--min-recall", "0.5")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {labels / 'x_bbx_gt.txt'}: 1 of its 1 images are not in")
    assert sandbox.calls("nuctl") == []


def test_a_dry_run_shows_the_candidate_too(sandbox: Sandbox, labels: Path) -> None:
    done = sandbox.run("--dry-run", "--gate", str(labels), "--min-recall", "0.5")
    assert (done.returncode, done.stderr) == (0, "")
    assert "deploy faceblur-gate" in done.stdout and "--run-image IMAGE-OF-faceblur-gate" in done.stdout
    assert f"evaluate {labels} --min-recall 0.5 --function URL-OF-faceblur-gate" in done.stdout
    assert sandbox.calls("nuctl") == []
