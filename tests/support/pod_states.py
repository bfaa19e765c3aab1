"""Pods as the Kubernetes API lists them."""

from __future__ import annotations

from typing import Any

GPU = {"nvidia.com/gpu": "1"}


def pod(
    name: str,
    *,
    ready: bool = False,
    unscheduled: str = "",
    waiting: str = "",
    message: str = "",
    exit_code: int | None = None,
    restarts: int = 0,
    ending: bool = False,
    limits: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A pod. `unscheduled` is the scheduler's message, `waiting` the reason of its container, `exit_code` its last."""
    conditions = [{"type": "Ready", "status": str(ready)}]
    conditions.append({"type": "PodScheduled", "status": str(not unscheduled), "message": unscheduled})
    state: dict[str, Any] = {"waiting": {"reason": waiting, "message": message}} if waiting else {"running": {}}
    container: dict[str, Any] = {"state": state, "restartCount": restarts}
    if exit_code is not None:
        container["lastState"] = {"terminated": {"exitCode": exit_code, "reason": "Error"}}
    metadata = {"name": name} | ({"deletionTimestamp": "2026-01-01T00:00:00Z"} if ending else {})
    return {
        "metadata": metadata,
        "spec": {"containers": [{"resources": {"limits": GPU if limits is None else limits}}]},
        "status": {"conditions": conditions, "containerStatuses": [] if unscheduled else [container]},
    }
