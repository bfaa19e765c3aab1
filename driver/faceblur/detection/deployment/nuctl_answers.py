"""Reads what a function is like from the answer of `nuctl get function NAME -o json`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from faceblur.base.errors import UsageError

PROVISIONING = ("waitingForBuild", "building", "waitingForResourceConfiguration", "configuringResources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A function as it stands. What it does not say is None, or empty."""

    state: str = ""
    project: str | None = None
    replicas: int | None = None
    service_type: str | None = None
    port: int | None = None
    registry: str | None = None
    model: str | None = None
    image: str | None = None
    message: str = ""

    @property
    def is_provisioned(self) -> bool:
        """Whether it is being built or started: Nuclio refuses to change it then."""
        return self.state in PROVISIONING or self.state.startswith("waitingForScale")


def standing(answer: str) -> Standing | None:
    """The function of an answer; None if there is none. Raises UsageError when the answer cannot be read."""
    try:
        config = _function(answer)
    except UsageError:
        # Only here: a function that is there may have such words in its status.
        if re.search(r"no functions? found|function.* not found", answer, re.IGNORECASE):
            return None
        raise
    spec, status = config.get("spec") or {}, config["status"]
    trigger: dict[str, Any] = next(
        (one for one in (spec.get("triggers") or {}).values() if one.get("kind") == "http"), {}
    )
    attributes = trigger.get("attributes") or {}
    env = {item.get("name"): item.get("value") for item in spec.get("env") or []}
    labels = (config.get("metadata") or {}).get("labels") or {}
    port = attributes.get("port") or status.get("httpPort") or None
    return Standing(
        state=str(status.get("state", "")),
        project=labels.get("nuclio.io/project-name"),
        replicas=spec.get("maxReplicas") or spec.get("replicas") or spec.get("minReplicas"),
        service_type=attributes.get("serviceType") or spec.get("serviceType") or ("NodePort" if port else None),
        port=int(port) if port else None,
        registry=(spec.get("build") or {}).get("registry") or None,
        model=env.get("MODEL"),
        image=status.get("containerImage") or spec.get("image") or None,
        message=str(status.get("message") or ""),
    )


def is_unhealthy(answer: str) -> bool:
    """Whether the answer is about a function that is `unhealthy`."""
    try:
        return bool(_function(answer)["status"].get("state") == "unhealthy")
    except UsageError:
        return False


def address(answer: str) -> tuple[str, str, int]:
    """How to reach the function: (access, URL, node port).

    The access is `direct` for a URL that this machine can call, `forward` for one inside the cluster, which needs a
    forwarded port. The node port is 0 when there is none. Raises UsageError when the function is not ready or has no
    address.
    """
    status = _function(answer)["status"]
    try:
        state, port = status.get("state", ""), int(status.get("httpPort") or 0)
        external, internal = status.get("externalInvocationUrls") or [], status.get("internalInvocationUrls") or []
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError("nuctl's answer holds no function with a status") from error
    if state != "ready":
        raise UsageError(f"the function's state is {state!r}, not 'ready'")
    if external:
        # The docker platform gives 0.0.0.0 for the ports that it publishes on this machine.
        return "direct", "http://" + external[0].replace("0.0.0.0", "127.0.0.1").rstrip("/"), port
    if internal:
        return "forward", f"http://{internal[0]}", port
    raise UsageError("the function is ready but has no invocation URL")


def image(answer: str) -> str:
    """The image that the function runs. Raises UsageError."""
    config = _function(answer)
    # The status has it with its registry; older releases have the registry only in the spec.
    name = config["status"].get("containerImage") or config.get("spec", {}).get("image")
    if not name:
        raise UsageError("nuctl's answer holds no image")
    return str(name)


def _function(answer: str) -> dict[str, Any]:
    """The function's object, which has a status."""
    try:
        # There may be log lines around the object, and older releases print a list of one.
        start = re.search(r"^[\s\[]*(?={)", answer, re.MULTILINE)
        config, _ = json.JSONDecoder().raw_decode(answer, start.end() if start else 0)
        if not isinstance(config["status"], dict):
            raise TypeError("no status")
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError("nuctl's answer holds no function with a status") from error
    return dict(config)
