"""Address and image are read from the answers of old and new releases of nuctl."""

from __future__ import annotations

import json

import pytest

from faceblur.base.errors import UsageError
from faceblur.detection.deployment import nuctl_answers
from tests.support.deploy_sandbox import SERVED_INSIDE


def test_the_image_is_read_from_the_status_or_the_spec() -> None:
    status = {"containerImage": "r/a:1"}
    assert nuctl_answers.image(json.dumps({"spec": {"image": "a:1"}, "status": status})) == "r/a:1"
    assert nuctl_answers.image(json.dumps([{"spec": {"image": "r/a:2"}, "status": {}}])) == "r/a:2"
    for text in ("", "{}", json.dumps({"status": {}}), json.dumps({"status": {"containerImage": ""}, "spec": {}})):
        with pytest.raises(UsageError):
            nuctl_answers.image(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No functions found",
        "{",
        '{"metadata": {}}',
        '{"status": {"state": "ready"}}',
        '{"status": {"httpPort": []}}',
    ],
)
def test_an_answer_without_an_address_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        nuctl_answers.address(text)


def test_log_lines_and_lists_around_the_answer_are_skipped() -> None:
    status = {"status": {"state": "ready", "httpPort": 30001, "externalInvocationUrls": ["10.0.0.1:30001"]}}
    expected = ("direct", "http://10.0.0.1:30001", 30001)
    assert nuctl_answers.address(json.dumps(status, indent=2)) == expected
    assert nuctl_answers.address(f'26.01.01 nuctl (I) Got {{"n": 1}}\n{json.dumps(status)}\n') == expected
    assert nuctl_answers.address(json.dumps([status], indent=2)) == expected
    inside = {"status": {"state": "ready", "internalInvocationUrls": SERVED_INSIDE}}
    assert nuctl_answers.address(json.dumps(inside)) == ("forward", f"http://{SERVED_INSIDE[0]}", 0)


def test_a_function_that_is_there_is_not_missing_whatever_its_status_says() -> None:
    message = "Failed to deploy function: manifest for r/faceblur:9 not found"
    there = {"metadata": {"labels": {"nuclio.io/project-name": "cvat"}}, "spec": {"maxReplicas": 4}}
    found = nuctl_answers.standing(json.dumps(there | {"status": {"state": "error", "message": message}}))
    assert found is not None and found.project == "cvat" and found.replicas == 4
    for missing in ("Error - No functions found", "Function faceblur not found"):
        assert nuctl_answers.standing(missing) is None
