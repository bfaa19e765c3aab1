"""deploy.sh --fleet: the workers beside the function, from a folder for `kubectl apply -k`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from faceblur.detection.deployment.platform_tools import DeployFailed, PlatformTools, missing
from faceblur.detection.deployment.pods import Trouble, pod_states

EXAMPLE_REGISTRY = "registry.example.com/"  # that of the manifests as they are delivered
READY_SECONDS = 600.0  # for workers that pull their image
POLL_SECONDS = 2.0
APPLY_SECONDS = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a folder holds, as kustomize renders it; `tools` are those for its namespace."""

    folder: Path
    resources: tuple[dict[str, Any], ...]
    tools: PlatformTools

    def of_kind(self, kind: str) -> Iterator[dict[str, Any]]:
        return (one for one in self.resources if one["kind"] == kind)

    def containers(self) -> Iterator[dict[str, Any]]:
        """The containers of all its deployments."""
        for one in self.of_kind("Deployment"):
            yield from one["spec"]["template"]["spec"]["containers"]

    def secrets(self) -> set[str]:
        """The secrets that its containers read."""
        sources = [source for box in self.containers() for source in box.get("envFrom", [])]
        return {source["secretRef"]["name"] for source in sources if "secretRef" in source}


def read_fleet(folder: Path, tools: PlatformTools) -> Fleet:
    """Render a folder. Raises DeployFailed."""
    if not tools.has_kubectl:
        raise missing("kubectl")
    answer = tools.ask(["kubectl", "kustomize", str(folder)])
    if not answer:
        raise tools.failed(f"--fleet {folder}: kubectl cannot read it", answer, f"Try:  kubectl kustomize {folder}")
    resources = tuple(one for one in yaml.safe_load_all(answer.text) if one)
    spaces = {one["metadata"].get("namespace") for one in resources if one["kind"] == "Deployment"} - {None}
    if len(spaces) != 1:
        raise DeployFailed(
            f"--fleet {folder}: it has no deployments in one namespace",
            "Name an overlay of deploy/fleet:  --fleet deploy/fleet/gpu",
        )
    return Fleet(folder, resources, PlatformTools("kube", spaces.pop()))


def check_fleet(fleet: Fleet, function: str, namespace: str) -> None:
    """Before the function is built: refuse what cannot work. Raises DeployFailed."""
    for box in fleet.containers():
        if box["image"].startswith(EXAMPLE_REGISTRY):
            raise DeployFailed(
                f"--fleet {fleet.folder}: its image is still that of the example, {box['image']}",
                "Build the driver's image and push it: docs/fleet.md. Then name it under `images` in the folder's",
                "kustomization.yaml, or in that of deploy/fleet/base.",
            )
    _check_address(fleet, function, namespace)
    for name in sorted(fleet.secrets()):
        answer, space = fleet.tools.ask_kubectl("get", "secret", name, "--output", "name"), fleet.tools.namespace
        if not answer and "NotFound" not in answer.text:
            raise fleet.tools.failed(f"kubectl cannot look for the secret {name} in the namespace {space}", answer)
        if not answer:
            raise fleet.tools.failed(
                f"the secret {name} with the ledger's address is not in the namespace {space}",
                answer,
                "Create it, which docs/fleet.md shows, then run this again:",
                f"  kubectl --namespace {space} create secret generic {name} --from-literal=FACEBLUR_LEDGER=URL",
            )


def _check_address(fleet: Fleet, function: str, namespace: str) -> None:
    """The workers must not call another function of Nuclio than the one that is deployed. A gateway may be anything."""
    if not any("$(FUNCTION)" in str(box.get("args")) for box in fleet.containers()):
        return
    for one in fleet.of_kind("ConfigMap"):
        found = re.match(r"https?://nuclio-([\w-]+)\.([\w-]+)", one.get("data", {}).get("FUNCTION", ""))
        if found and found.groups() != (function, namespace):
            raise DeployFailed(
                f"--fleet {fleet.folder}: its workers call {found[0]}, and {function} in {namespace} is deployed",
                f"Set FUNCTION=http://nuclio-{function}.{namespace}:8080 in the folder's kustomization.yaml.",
            )


def apply_fleet(fleet: Fleet, say: Say) -> None:
    """Apply it, and wait until its deployments are ready. Raises DeployFailed."""
    say(f"Applying the fleet {fleet.folder} in the namespace {fleet.tools.namespace}")
    answer = fleet.tools.ask(["kubectl", "apply", "--kustomize", str(fleet.folder)], seconds=APPLY_SECONDS)
    if not answer:
        raise fleet.tools.failed(
            f"the fleet {fleet.folder} could not be applied; the function is deployed",
            answer,
            f"Try again:  kubectl apply --kustomize {fleet.folder}",
        )
    for one in fleet.of_kind("Deployment"):
        _wait(fleet, one["metadata"]["name"], say)
    submit = fleet.tools.kubectl(
        "exec", "deploy/workers", "--", "faceblur", "submit", "/videos/in", "-o", "/videos/out"
    )
    say(f"Submit the videos in `in` of the volume:  {' '.join(submit)}")


def _wait(fleet: Fleet, name: str, say: Say) -> None:
    """Until a deployment has all its pods. A pod that never will be ready is an error at once."""
    end, said = time.monotonic() + READY_SECONDS, ""
    while True:
        deployment = _get(fleet.tools, "deployment", name)
        pods = _new_pods(fleet.tools, deployment)
        states, wanted = pod_states(pods), int(deployment["spec"].get("replicas", 1))
        line = f"{name}: {states.line(wanted)}"
        if message := _unscheduled(pods):
            line += f": {message}"
        if line != said:
            say(said := line)
        if _is_complete(deployment, wanted):
            return
        if states.trouble:
            raise DeployFailed(
                f"the fleet is applied, but a pod of {name} does not start: {_cause(fleet.tools, states.trouble)}",
                f"See it:  {' '.join(fleet.tools.kubectl('describe', 'pod', states.trouble.pod))}",
            )
        if time.monotonic() > end:
            raise DeployFailed(
                f"the fleet is applied, but not ready within {READY_SECONDS:.0f} s: {line}",
                f"What is missing starts as soon as it can; see {' '.join(fleet.tools.kubectl('get', 'pods'))}",
            )
        time.sleep(POLL_SECONDS)


def _new_pods(tools: PlatformTools, deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """The pods of a deployment as it was applied, without those of before: what ailed them may be mended."""
    if not _is_seen(deployment):
        return []
    labels = deployment["spec"]["selector"]["matchLabels"].items()
    selector = ("--selector", ",".join(f"{key}={value}" for key, value in labels))
    revision = _revision(deployment)
    sets = _get(tools, "replicasets", *selector)["items"]
    names = {one["metadata"]["labels"]["pod-template-hash"] for one in sets if _revision(one) == revision}
    pods = _get(tools, "pods", *selector)["items"]
    return [one for one in pods if one["metadata"]["labels"]["pod-template-hash"] in names]


def _revision(resource: dict[str, Any]) -> str:
    return str((resource["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision"))


def _is_seen(deployment: dict[str, Any]) -> bool:
    """Whether Kubernetes has taken up the deployment as it was applied."""
    status = deployment.get("status") or {}
    return bool(status.get("observedGeneration", 0) >= deployment["metadata"]["generation"])


def _is_complete(deployment: dict[str, Any], wanted: int) -> bool:
    """Whether all pods are ready, are of the deployment as it was applied, and no other is left."""
    status = deployment.get("status") or {}
    if not _is_seen(deployment):
        return False
    return bool(
        status.get("replicas", 0) == status.get("updatedReplicas", 0) == status.get("readyReplicas", 0) == wanted
    )


def _unscheduled(pods: Iterable[dict[str, Any]]) -> str:
    """What the scheduler says of the first pod for which it has no node."""
    for one in pods:
        for condition in one.get("status", {}).get("conditions") or []:
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return str(condition.get("message") or "").partition(". preemption")[0]
    return ""


def _get(tools: PlatformTools, *what: str) -> dict[str, Any]:
    answer = tools.ask_kubectl("get", *what, "--output", "json")
    if not answer:
        raise tools.failed(f"the fleet is applied, but kubectl does not show its {what[0]}", answer)
    return dict(json.loads(answer.text))


def _cause(tools: PlatformTools, trouble: Trouble) -> str:
    """Why a pod does not start, in one line: after a crash the last line of its log."""
    if trouble.reason != "CrashLoopBackOff":
        return f"{trouble.reason}: {trouble.message}"
    answer = tools.ask_kubectl("logs", "--tail", "5", "--previous", trouble.pod)
    lines = [line for line in answer.text.splitlines() if line.strip()] if answer else []
    if not lines:
        return trouble.message
    try:
        return str(json.loads(lines[-1])["message"])
    except (ValueError, KeyError, TypeError):
        return lines[-1]
