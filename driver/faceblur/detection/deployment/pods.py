"""What a function's pods wait for, and what keeps them from ever starting, read from `kubectl get pods -o json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GPU = "nvidia.com/gpu"
# A container that cannot start, whatever one waits.
NEVER_STARTS = (
    *("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"),
    *("CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
)
VOLUME_EVENTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
REPEATED = 3  # a volume that is only late fails once or twice


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a pod from starting: a reason of Kubernetes, its message, and the pod whose log has more."""

    reason: str
    message: str
    pod: str


@dataclass(frozen=True, slots=True)
class PodStates:
    """How many pods are ready, what the others wait for (a text and a number each), and the first trouble."""

    ready: int
    waits: tuple[tuple[str, int], ...]
    ending: int
    trouble: Trouble | None

    def line(self, wanted: int) -> str:
        """One line for people."""
        parts = [f"{self.ready} of {wanted} pods are ready"]
        parts += [f"{text}{f' ({count} pods)' if count > 1 else ''}" for text, count in self.waits]
        if self.ending:
            parts.append(f"{self.ending} of before still end" if self.ending > 1 else "one of before still ends")
        return "; ".join(parts)


def pod_states(pods: Iterable[dict[str, Any]], *, before: frozenset[str] = frozenset()) -> PodStates:
    """The states of the pods of a deployment; the names in `before` are those that ran before it."""
    waits: Counter[str] = Counter()
    ready = ending = 0
    trouble = None
    for pod in pods:
        if pod["metadata"].get("deletionTimestamp"):
            ending += 1
        elif pod["metadata"]["name"] in before:
            continue
        elif _is_ready(pod):
            ready += 1
        else:
            waits[_waits_for(pod)] += 1
            trouble = trouble or _trouble(pod)
    return PodStates(ready, tuple(waits.items()), ending, trouble)


def volume_trouble(events: Iterable[dict[str, Any]]) -> Trouble | None:
    """A volume that cannot be mounted, from `kubectl get events -o json`."""
    for event in events:
        lasting = (event.get("count") or 1) >= REPEATED or "not found" in str(event.get("message"))
        if event.get("reason") in VOLUME_EVENTS and lasting:
            return Trouble(event["reason"], str(event.get("message", "")), event["involvedObject"]["name"])
    return None


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in _conditions(pod))


def _conditions(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return pod.get("status", {}).get("conditions") or []


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _waits_for(pod: dict[str, Any]) -> str:
    for one in _conditions(pod):
        if one["type"] == "PodScheduled" and one["status"] == "False":
            limits = [box.get("resources", {}).get("limits") or {} for box in pod["spec"].get("containers", [])]
            return f"waiting for a node with {GPU}" if any(GPU in limit for limit in limits) else "waiting for a node"
    for box in _containers(pod):
        state = box.get("state") or {}
        if "running" in state:
            return "loading the model"
        if box.get("restartCount") or "terminated" in state:
            return "starting again after a crash"
        reason = (state.get("waiting") or {}).get("reason")
        if reason in ("ContainerCreating", "ErrImagePull", "ImagePullBackOff", "PodInitializing"):
            return "pulling the image"
    return "waiting for its node to start it"


def _trouble(pod: dict[str, Any]) -> Trouble | None:
    name = pod["metadata"]["name"]
    for one in _conditions(pod):
        text = str(one.get("message") or "")
        if one["type"] == "PodScheduled" and one["status"] == "False" and "persistentvolumeclaim" in text:
            return Trouble("Unschedulable", text, name)
    for box in _containers(pod):
        state, last = box.get("state") or {}, box.get("lastState") or {}
        waiting = state.get("waiting") or {}
        if waiting.get("reason") in NEVER_STARTS:
            return Trouble(waiting["reason"], str(waiting.get("message") or ""), name)
        ended = state.get("terminated") or last.get("terminated") or {}
        if ended and (ended.get("exitCode") or waiting.get("reason") == "CrashLoopBackOff"):
            reason = "OOMKilled" if ended.get("reason") == "OOMKilled" else "CrashLoopBackOff"
            return Trouble(reason, f"the container ended with {ended.get('exitCode')}", name)
    return None
