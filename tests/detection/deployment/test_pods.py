"""What pods wait for, and what never starts."""

from __future__ import annotations

from typing import Any

import pytest

from faceblur.detection.deployment.pods import pod_states, volume_trouble
from tests.support.pod_states import pod

NO_NODE = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


@pytest.mark.parametrize(
    ("pods", "line"),
    [
        ([], "0 of 3 pods are ready"),
        (
            [pod("a", ready=True), pod("b", ready=True), pod("c", unscheduled=NO_NODE)],
            "2 of 3 pods are ready; waiting for a node with nvidia.com/gpu",
        ),
        (
            [pod("a"), pod("b"), pod("c", waiting="ContainerCreating")],
            "0 of 3 pods are ready; loading the model (2 pods); pulling the image",
        ),
        ([pod("a", unscheduled="no node", limits={})], "0 of 3 pods are ready; waiting for a node"),
        (
            [pod("a", unscheduled=NO_NODE), pod("old", ending=True)],
            "0 of 3 pods are ready; waiting for a node with nvidia.com/gpu; one of before still ends",
        ),
        # A first failed pull may pass.
        ([pod("a", waiting="ErrImagePull")], "0 of 3 pods are ready; pulling the image"),
    ],
)
def test_what_they_wait_for(pods: list[dict[str, Any]], line: str) -> None:
    states = pod_states(pods)
    assert states.line(3) == line
    assert states.trouble is None


def test_pods_of_before_do_not_count() -> None:
    pods = [pod("old", ready=True), pod("new", waiting="ContainerCreating")]
    assert pod_states(pods, before=frozenset({"old"})).line(1) == "0 of 1 pods are ready; pulling the image"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (pod("a", waiting="ImagePullBackOff", message="Back-off pulling image"), "ImagePullBackOff"),
        (pod("a", waiting="InvalidImageName"), "InvalidImageName"),
        (pod("a", waiting="CreateContainerConfigError", message='secret "x" not found'), "CreateContainerConfigError"),
        (pod("a", waiting="CrashLoopBackOff", exit_code=1, restarts=1), "CrashLoopBackOff"),
        (pod("a", exit_code=1, restarts=1), "CrashLoopBackOff"),
        (pod("a", unscheduled='persistentvolumeclaim "models" not found'), "Unschedulable"),
    ],
)
def test_what_never_starts(broken: dict[str, Any], reason: str) -> None:
    trouble = pod_states([pod("b", ready=True), broken]).trouble
    assert trouble and (trouble.reason, trouble.pod) == (reason, "a")
    ending = broken | {"metadata": {"name": "a", "deletionTimestamp": "x"}}
    assert pod_states([ending]).trouble is None


def test_a_volume_that_is_only_late_is_no_trouble() -> None:
    late = {"reason": "FailedMount", "message": "timed out", "count": 1, "involvedObject": {"name": "a"}}
    assert volume_trouble([late]) is None
    assert volume_trouble([late | {"count": 4}]) is not None
    assert volume_trouble([late | {"message": 'configmap "x" not found'}]) is not None
    assert volume_trouble([late | {"reason": "Unhealthy", "count": 9}]) is None
