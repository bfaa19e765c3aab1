"""Deploys an image through the REST interface of Nuclio's dashboard, with neither nuctl, docker nor kubectl.

`python -m faceblur.detection.deployment.dashboard URL IMAGE [--weights SHA256] [--namespace N] [--project P]
[--name NAME] [--replicas N] [--cpu]` waits until the function is ready, has it check one real face, and exits with 0;
with 1 if it failed, 2 if the call was wrong. With `--weights` a function that has loaded others is a failure. A
pipeline in the cluster calls it.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from faceblur.base.errors import FaceblurError, UsageError
from faceblur.detection.deployment.deploy_options import DEFAULT_PROJECT, DeployOptions, parse
from faceblur.detection.deployment.nuctl_answers import Standing, standing
from faceblur.detection.deployment.plan import plan
from faceblur.detection.deployment.platform_tools import READY_SLACK, UNHEALTHY_SECONDS, DeployFailed
from faceblur.detection.deployment.render_function_yaml import manifest, rendered
from faceblur.detection.local_function.function_yaml import find_function_yaml
from faceblur_function import wire

REQUEST_SECONDS = 60.0
POLL_SECONDS = 2.0


class Dashboard:
    """One function, as the dashboard at a URL shows it."""

    def __init__(self, url: str, options: DeployOptions) -> None:
        self._url, self._options = url.rstrip("/"), options
        self._headers = {
            "Content-Type": "application/json",
            "X-Nuclio-Function-Namespace": options.namespace,
            "X-Nuclio-Project-Namespace": options.namespace,
            "X-Nuclio-Project-Name": options.project or DEFAULT_PROJECT,
        }

    def deploy(self, image: str) -> None:
        """Create the function, or change it to this image, and wait until it is ready. Raises DeployFailed.

        What the options leave unsaid stays as it is: replicas, service type, port.
        """
        path = f"/api/functions/{self._options.name}"
        before = self._standing(path)
        planned = plan(self._options, before)
        if before is None:
            self._create_project(planned.project)
        text = find_function_yaml().read_text()
        resource = manifest(text, self._options.name, image, cpu=self._options.cpu, plan=planned)
        resource["metadata"]["namespace"] = self._options.namespace
        # For the local platform: its containers start again after a crash. Kubernetes ignores it.
        platform = rendered(text, self._options.name, cpu=self._options.cpu)["spec"]["platform"]
        body = {"metadata": resource["metadata"], "spec": resource["spec"] | {"platform": platform}}
        status, answer = self._ask("PUT", path, body) if before else self._ask("POST", "/api/functions", body)
        if status not in (200, 202, 204):
            raise DeployFailed(f"the dashboard refuses {self._options.name}: HTTP {status} {_message(answer)}")
        self._wait(path, float(resource["spec"]["readinessTimeoutSeconds"]) + READY_SLACK)

    def _standing(self, path: str) -> Standing | None:
        """The function as it stands; None if there is none. Raises DeployFailed."""
        status, answer = self._ask("GET", path)
        if status == 404:
            return None
        try:
            return standing(answer.decode(errors="replace"))
        except UsageError:
            text = f"the dashboard does not describe {self._options.name}: HTTP {status} {_message(answer)}"
            raise DeployFailed(text) from None

    def _create_project(self, project: str) -> None:
        """Create the project if it is missing. Raises DeployFailed."""
        body = {"metadata": {"name": project, "namespace": self._options.namespace}, "spec": {}}
        status, answer = self._ask("POST", "/api/projects", body)
        if status not in (200, 201, 202, 409):  # 409: it is there
            raise DeployFailed(f"the dashboard does not create the project {project}: HTTP {status} {_message(answer)}")

    def _wait(self, path: str, seconds: float) -> None:
        deadline, unhealthy_since = time.monotonic() + seconds, math.inf
        while time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)  # before the first look, too: for a moment it shows the state of before
            status, answer = self._ask("GET", path)
            found = (json.loads(answer) or {}).get("status") or {} if status == 200 else {}
            if found.get("state") == "ready":
                return
            is_unhealthy = found.get("state") == "unhealthy"
            unhealthy_since = min(unhealthy_since, time.monotonic()) if is_unhealthy else math.inf
            if found.get("state") == "error" or time.monotonic() - unhealthy_since >= UNHEALTHY_SECONDS:
                text = " ".join(str(found.get("message") or "").split())[-400:]
                raise DeployFailed(f"{self._options.name} is in the state {found['state']}: {text}")
        raise DeployFailed(f"{self._options.name} is not ready within {seconds:.0f} s")

    def check(self) -> str:
        """The function's answer to `GET /check`, through the dashboard. Raises DeployFailed unless it is good."""
        status, answer = self._invoke("check")
        try:
            passed = status == 200 and json.loads(answer)["ok"] is True
        except (ValueError, KeyError, TypeError):
            passed = False
        if not passed:
            raise DeployFailed(f"{self._options.name} failed its check: HTTP {status} {_message(answer)}")
        return answer.decode()

    def check_weights(self, expected: str) -> None:
        """Compare the weights that the function has loaded, by their SHA-256. Raises DeployFailed for others."""
        status, answer = self._invoke("/")
        try:
            info = wire.Info.model_validate_json(answer)
        except ValueError:
            raise DeployFailed(f"{self._options.name} does not say what it runs: HTTP {status}") from None
        if info.weights_sha256 != expected:
            raise DeployFailed(
                f"{self._options.name} is deployed with weights {info.weights_sha256} of {info.model}, not {expected}: "
                "the image is not what was evaluated; deploy the image of before again"
            )

    def _invoke(self, path: str) -> tuple[int, bytes]:
        headers = {"X-Nuclio-Function-Name": self._options.name, "X-Nuclio-Path": path}
        return self._ask("GET", "/api/function_invocations", headers=headers)

    def _ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        content = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, content, self._headers | (headers or {}), method=method)
        try:
            with urlopen(request, timeout=REQUEST_SECONDS) as reply:
                return reply.status, reply.read()
        except HTTPError as error:
            return error.code, error.read()
        except (URLError, HTTPException, OSError) as error:
            raise DeployFailed(f"the dashboard at {self._url} cannot be reached: {error}") from error


def _message(answer: bytes) -> str:
    """The error of the dashboard or the function, in one line, without a stack trace."""
    text = answer.decode(errors="replace")
    with suppress(ValueError, KeyError, TypeError):  # not JSON
        text = str(json.loads(text)["error"])
    return " ".join(text.split())[:400]


def _taken(arguments: list[str], option: str) -> str:
    """Take an option with its value out of the arguments; empty without it. Raises UsageError."""
    if option not in arguments:
        return ""
    index = arguments.index(option)
    if index + 1 == len(arguments) or not re.fullmatch(r"[0-9a-f]{64}", arguments[index + 1]):
        raise UsageError(f"{option}: the SHA-256 that `GET /` of the function reports is needed")
    _, value = arguments[index : index + 2]
    del arguments[index : index + 2]
    return value


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case [url, image, *rest] if url.startswith(("http://", "https://")) and not image.startswith("--"):
                weights = _taken(rest, "--weights")
                dashboard = Dashboard(url, parse([*rest, "--image", image]))
            case _:
                raise UsageError("python -m faceblur.detection.deployment.dashboard URL IMAGE [options]")
        dashboard.deploy(image)
        if weights:
            dashboard.check_weights(weights)
        print(dashboard.check())
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except FaceblurError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
