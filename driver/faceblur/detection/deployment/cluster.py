"""Asks Kubernetes about a function and its pods, and changes the function's resource: what nuctl cannot do."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from faceblur.detection.deployment.platform_tools import DeployFailed, PlatformTools
from faceblur.detection.deployment.pods import Trouble, volume_trouble

PROBE = "faceblur-controller-probe"
PROBE_SECONDS = 20.0  # a controller takes up a resource within a second or two
log = logging.getLogger("faceblur.deploy")
RESOURCE = "nucliofunctions.nuclio.io"


class Cluster:
    """One function's resource and pods in the namespace of some tools. Needs kubectl."""

    def __init__(self, tools: PlatformTools, function: str) -> None:
        self.tools, self.function = tools, function
        self._selector = f"nuclio.io/function-name={function}"

    def pods(self) -> list[dict[str, Any]]:
        """The function's pods. Raises DeployFailed."""
        return self._items("get", "pods", "--selector", self._selector, "--output", "json")

    def pod_names(self) -> frozenset[str]:
        """The names of the pods that there are now."""
        return frozenset(pod["metadata"]["name"] for pod in self.pods())

    def volume_trouble(self, pods: Iterable[str]) -> Trouble | None:
        """A volume that one of these pods cannot mount."""
        wanted = set(pods)
        events = self._items("get", "events", "--field-selector", "type=Warning", "--output", "json")
        return volume_trouble(event for event in events if event.get("involvedObject", {}).get("name") in wanted)

    def log(self, pod: str) -> str:
        """The last lines of a pod's log, of its run before if it has started again."""
        previous = self.tools.ask_kubectl("logs", "--tail", "200", "--previous", pod)
        return previous.text if previous else self.tools.ask_kubectl("logs", "--tail", "200", pod).text

    def resource(self) -> dict[str, Any] | None:
        """The function's resource; None when there is none or it cannot be seen."""
        answer = self.tools.ask_kubectl("get", RESOURCE, self.function, "--output", "json", "--show-managed-fields")
        return dict(json.loads(answer.text)) if answer and answer.text.lstrip().startswith("{") else None

    def state(self) -> str:
        """Nuclio's state of the function; empty when there is none."""
        return str(((self.resource() or {}).get("status") or {}).get("state", ""))

    def message(self) -> str:
        """What Nuclio says about that state, in one line, without the places in Nuclio's source where it failed."""
        text = str(((self.resource() or {}).get("status") or {}).get("message") or "")
        cause = re.split(r"\s\.\.\.\S*\.go:\d+|Call stack:", text)[0] or text
        return " ".join(cause.split()).removeprefix("Error - ")

    def unchanged_seconds(self) -> float:
        """For how long nobody has changed the resource."""
        fields = ((self.resource() or {}).get("metadata") or {}).get("managedFields") or []
        times = [datetime.fromisoformat(one["time"]).timestamp() for one in fields if one.get("time")]
        return time.time() - max(times) if times else 0.0

    def patch(self, changes: dict[str, Any]) -> None:
        """Change these fields of the resource. Raises DeployFailed."""
        text = json.dumps(changes)
        answer = self.tools.ask_kubectl("patch", RESOURCE, self.function, "--type", "merge", "--patch", text)
        if not answer:
            raise self.tools.failed(f"{self.function} could not be changed", answer)

    def release(self) -> None:
        """End a state in which Nuclio refuses to change the function, and a start for which its controller waits.

        Until that ends, at the latest after readinessTimeoutSeconds, the controller takes up no other change of this
        function, not even its deletion. Pods of before that still serve go on.
        """
        if self.state() not in ("", "error"):
            self.patch({"status": {"state": "error"}})
        self.end_start()

    def end_start(self) -> None:
        """End a start for which the controller waits: back to the pods of before, or to none."""
        name = f"nuclio-{self.function}"
        deployment = self._deployment()
        status, wanted = deployment.get("status") or {}, (deployment.get("spec") or {}).get("replicas") or 0
        # While pods of before still serve, Kubernetes counts none as unavailable, nor pods that may not be made.
        if max(status.get("replicas") or 0, wanted) <= (status.get("readyReplicas") or 0):
            return
        serving = self._serving_revision()
        if serving and self.tools.ask_kubectl("rollout", "undo", f"deployment/{name}", f"--to-revision={serving}"):
            return
        none = json.dumps({"spec": {"replicas": 0}})
        if not self.tools.ask_kubectl("patch", "deployments", name, "--type", "merge", "--patch", none):
            log.warning("Nuclio may go on waiting for %s before it takes up another change; it ends by itself", name)

    def refusal(self) -> str:
        """Why Kubernetes does not let pods be made: Pod Security, a quota, another policy. Empty when it does."""
        conditions = (self._deployment().get("status") or {}).get("conditions") or []
        refused = [one for one in conditions if one.get("type") == "ReplicaFailure" and one.get("status") == "True"]
        return str(refused[0].get("message") or refused[0].get("reason")) if refused else ""

    def _deployment(self) -> dict[str, Any]:
        answer = self.tools.ask_kubectl("get", "deployments", f"nuclio-{self.function}", "--output", "json")
        return dict(json.loads(answer.text)) if answer and answer.text.lstrip().startswith("{") else {}

    def _serving_revision(self) -> str | None:
        """The revision of the deployment whose pods are ready; the latest, if there are several."""
        sets = self._items("get", "replicasets", "--selector", self._selector, "--output", "json")
        revisions = [
            int((one["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", 0))
            for one in sets
            if (one.get("status") or {}).get("readyReplicas")
        ]
        latest = max(revisions, default=0)
        return str(latest) if latest else None

    def put(self, manifest: dict[str, Any]) -> None:
        """Create the resource, or put this in the place of the one that is there. Raises DeployFailed."""
        verb = "replace" if self.resource() else "create"
        answer = self.tools.ask_kubectl(verb, "--filename", "-", text=json.dumps(manifest))
        if not answer:
            raise self.tools.failed(f"{self.function} could not be deployed", answer)

    def require_controller(self) -> None:
        """Raises DeployFailed when no Nuclio controller serves the namespace.

        nuctl does not notice that: it builds, pushes and waits for ever.
        """
        controllers = self._items("get", "deployments", "--selector", "nuclio.io/app=controller", "--output", "json")
        if any((one.get("status") or {}).get("availableReplicas") for one in controllers):
            return
        others = self._items("get", RESOURCE, "--output", "json")
        if any((one.get("status") or {}).get("state") in ("ready", "scaledToZero") for one in others):
            return
        if not controllers and self._is_taken_up():
            return
        namespace = self.tools.namespace
        raise DeployFailed(
            f"no Nuclio controller serves the namespace {namespace}",
            "Where does Nuclio run?  kubectl get pods --all-namespaces --selector nuclio.io/app=controller",
            "Deploy to a namespace that it serves:  ./deploy.sh --namespace NAME",
        )

    def _is_taken_up(self) -> bool:
        """Whether a controller that cannot be seen takes up a resource, one that is disabled and runs nothing."""
        probe = Cluster(self.tools, PROBE)
        probe.put(
            {
                "apiVersion": "nuclio.io/v1beta1",
                "kind": "NuclioFunction",
                "metadata": {"name": PROBE, "labels": {"nuclio.io/project-name": "default"}},
                "spec": {"image": "none", "disable": True, "replicas": 0, "runtime": "python:3.11", "handler": "a:b"},
                "status": {"state": "waitingForResourceConfiguration"},
            }
        )
        try:
            deadline = time.monotonic() + PROBE_SECONDS
            while probe.state() == "waitingForResourceConfiguration":
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.5)
            return True
        finally:
            self.tools.ask_kubectl("delete", RESOURCE, PROBE, "--wait=false", "--ignore-not-found")

    def _items(self, *arguments: str) -> list[dict[str, Any]]:
        answer = self.tools.ask_kubectl(*arguments)
        if not answer:
            raise self.tools.failed(f"kubectl cannot {' '.join(arguments[:2])}", answer)
        start = answer.text.find("{")
        return list(json.loads(answer.text[start:]).get("items") or []) if start >= 0 else []
