"""Deployments through the dashboard's REST interface, with its answers."""

from __future__ import annotations

import pytest
import requests

from faceblur.detection.deployment import dashboard
from tests.support.nuclio_dashboard import NuclioDashboard


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "POLL_SECONDS", 0.01)


def test_a_function_is_created_then_changed_and_checked(function: str, capsys: pytest.CaptureFixture[str]) -> None:
    with NuclioDashboard(function, "waitingForResourceConfiguration", "ready") as served:
        for image in ("r/faceblur:1", "r/faceblur:2"):
            assert dashboard.main([served.url, image, "--cpu", "--replicas", "2", "--project", "cvat"]) == 0
            assert '"ok":true' in capsys.readouterr().out
        assert [call for call in served.asked if not call.startswith("GET")] == [
            "POST /api/projects 201",
            "POST /api/functions 202",
            "PUT /api/functions/faceblur 202",
        ]
        body = served.functions["faceblur"]
    assert body["spec"]["image"] == "r/faceblur:2" and body["spec"]["build"] == {"codeEntryType": "image"}
    assert body["spec"]["platform"] == {"attributes": {"restartPolicy": {"name": "always"}}}
    assert body["spec"]["maxReplicas"] == 2 and "nodeSelector" not in body["spec"]
    assert body["metadata"]["namespace"] == "nuclio"
    assert body["metadata"]["labels"] == {"nuclio.io/project-name": "cvat"}


def test_weights_that_were_not_evaluated_are_a_failure(function: str, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = requests.get(function, timeout=60).json()["weights_sha256"]
    with NuclioDashboard(function) as served:
        assert dashboard.main([served.url, "r/faceblur:1", "--weights", loaded, "--cpu"]) == 0
        assert dashboard.main([served.url, "r/faceblur:2", "--weights", "0" * 64]) == 1
        assert f"weights {loaded} of retinaface-mobilenet0.25, not {'0' * 64}" in capsys.readouterr().err
        for wrong in (["--weights"], ["--weights", "latest"]):
            assert dashboard.main([served.url, "r/faceblur:3", *wrong]) == 2
        assert served.functions["faceblur"]["spec"]["image"] == "r/faceblur:2"


def test_what_is_unsaid_stays_as_it_is(function: str) -> None:
    with NuclioDashboard(function) as served:
        assert dashboard.main([served.url, "r/faceblur:1", "--replicas", "4", "--port", "30123"]) == 0
        assert dashboard.main([served.url, "r/faceblur:2"]) == 0
        spec = served.functions["faceblur"]["spec"]
        assert dashboard.main([served.url, "r/faceblur:3", "--project", "cvat"]) == 1
        assert served.functions["faceblur"]["spec"]["image"] == "r/faceblur:2"
    assert spec["maxReplicas"] == 4 and spec["image"] == "r/faceblur:2"
    assert spec["triggers"]["http"]["attributes"]["serviceType"] == "NodePort"
    assert spec["triggers"]["http"]["attributes"]["port"] == 30123


def test_a_project_that_is_there_is_used(function: str) -> None:
    with NuclioDashboard(function) as served:
        assert dashboard.main([served.url, "r/faceblur:1", "--project", "default"]) == 0
        assert served.asked[1:3] == ["POST /api/projects 409", "POST /api/functions 202"]


def test_unhealthy_for_a_moment_is_no_failure(function: str) -> None:
    """The dashboard of the local platform looked at the container that was just replaced."""
    with NuclioDashboard(function, *["unhealthy"] * 5, "ready") as served:
        assert dashboard.main([served.url, "r/faceblur:1"]) == 0


@pytest.mark.parametrize(
    ("states", "options", "says"),
    [
        (("error",), [], "faceblur is in the state error: it crashed"),
        (("unhealthy",), [], "faceblur is in the state unhealthy"),
        (
            ("ready",),
            ["--project", "forbidden"],
            "the dashboard does not create the project forbidden: HTTP 403 not allowed",
        ),
    ],
)
def test_failures(
    function: str,
    states: tuple[str, ...],
    options: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dashboard, "UNHEALTHY_SECONDS", 0.0)
    with NuclioDashboard(function, *states, message="it\ncrashed") as served:
        assert dashboard.main([served.url, "r/faceblur:1", *options]) == 1
    assert says in capsys.readouterr().err


def test_a_failed_check_and_no_dashboard(function: str, capsys: pytest.CaptureFixture[str]) -> None:
    with NuclioDashboard(f"{function}/nowhere") as served:
        assert dashboard.main([served.url, "r/faceblur:1"]) == 1
    assert "faceblur failed its check: HTTP 404" in capsys.readouterr().err
    assert dashboard.main([served.url, "r/faceblur:1"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    for wrong in ([], ["nonsense", "r/a:1"], [served.url], [served.url, "r/a:1", "--replicas", "0"]):
        assert dashboard.main(wrong) == 2
