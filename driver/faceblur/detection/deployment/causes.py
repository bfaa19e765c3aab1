"""Why a deployment failed, in one line, and the one next step that fits: from the logs of nuctl and of the function."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from faceblur.detection.deployment.deploy_options import DeployOptions
from faceblur.detection.deployment.platform_tools import PlatformTools
from faceblur.detection.deployment.pods import Trouble

LONGEST = 400  # characters of a cause


@dataclass(frozen=True, slots=True)
class Cause:
    """What went wrong, and what to do about it."""

    text: str
    step: str


def function_words(log: str) -> str | None:
    """The function's own words about why it does not start; nuctl prints them inside JSON too, with escapes."""
    found = re.findall(r"faceblur cannot start: [^\n\"\\]+", log)
    return found[-1].strip() if found else None


def find_cause(log: str, trouble: Trouble | None, options: DeployOptions, tools: PlatformTools, look: str) -> Cause:
    """The cause of a failure. `look` is the command that shows more."""
    words = function_words(log)
    if words:
        return Cause(words, _step_for_words(words, options))
    right = tools.forbidden(log)
    if right:
        return Cause(
            _line(log, r"[^\n\"]*cannot \w+ resource[^\n]*"), f"Ask for the right; this must say yes:  {right}"
        )
    if trouble:
        return Cause(f"{trouble.reason}: {trouble.message}"[:LONGEST], _step_for_trouble(trouble, options, look))
    for pattern, step in PATTERNS:
        if re.search(pattern, log, re.IGNORECASE):
            return Cause(_line(log, rf"[^\n\"]*(?:{pattern})[^\n\"]*"), step(options))
    return Cause(_line(log, r"(?<=^Error - )[^\n]+") or "nuctl says no more", f"See more:  {look}")


def _line(log: str, pattern: str) -> str:
    """The last match without colour codes, times and the name of a logger."""
    found = re.findall(pattern, log, re.IGNORECASE | re.MULTILINE)
    line = re.sub(r"\x1b\[[0-9;]*m", "", found[-1]) if found else ""
    return re.sub(r"^\s*\d\d\.\d\d\.\d\d [\d:.]+\s+\S*\s*\([IWED]\)\s*", "", line).strip()[:LONGEST]


def _step_for_words(words: str, options: DeployOptions) -> str:
    if "DEVICE=cuda" in words and not options.cpu:
        return "Give the function a node with a GPU, or deploy the small model:  ./deploy.sh --cpu"
    return "Correct it in function.yaml (docs/settings.md lists the settings), and deploy again."


def _step_for_trouble(trouble: Trouble, options: DeployOptions, look: str) -> str:
    if trouble.reason == "FailedCreate" and "PodSecurity" in trouble.message:
        return "The namespace has a stricter Pod Security level than the pods keep: see hardening in docs/deploy.md."
    if trouble.reason == "FailedCreate":
        return "Ask for what forbids it to be changed: a quota, or a policy of the namespace."
    if "Image" in trouble.reason:
        if options.image:
            return "Is the image in that registry, and may the nodes pull it? See imagePullSecrets in docs/deploy.md."
        return "May the nodes pull from --registry? See imagePullSecrets in docs/deploy.md."
    if trouble.reason == "OOMKilled":
        return "Raise resources.limits.memory in function.yaml, and deploy again."
    if "ount" in trouble.reason or "Attach" in trouble.reason or trouble.reason == "Unschedulable":
        return "Correct spec.volumes in function.yaml, or create what they name, and deploy again."
    return f"See more:  {look}"


def _docker(options: DeployOptions) -> str:
    return "Start docker (docker version must answer), or deploy an image that was built elsewhere:  --image IMAGE"


def _push(options: DeployOptions) -> str:
    host = (options.registry or "REGISTRY").split("/")[0]
    return f"Is --registry right, and may you push to it?  docker login {host}"


def _other_deployment(options: DeployOptions) -> str:
    return "Wait until the other deployment ends, and deploy again."


def _image(options: DeployOptions) -> str:
    return f"This must work:  docker pull {options.image}" if options.image else _build(options)


def _port(options: DeployOptions) -> str:
    return "Something on this machine listens there. End it, or choose another port:  --port N"


def _node_port(options: DeployOptions) -> str:
    return "Choose a free one in that range with --port N, or take --service-type ClusterIP: else it stays as it is."


def _build(options: DeployOptions) -> str:
    return "The build needs PyPI, GitHub and quay.io; see the closed network in docs/deploy.md."


PATTERNS: list[tuple[str, Callable[[DeployOptions], str]]] = [
    (r"cannot connect to the docker daemon|no docker client found|docker: (?:command )?not found", _docker),
    (r"being provisioned", _other_deployment),
    (r"requested access to the resource is denied|unauthorized: |no basic auth credentials", _push),
    (r"server gave HTTP response to HTTPS client|failed to push|push[^\n]*(?:no such host|connection refused)", _push),
    (r"ERROR: (?:No matching distribution|Could not find)[^\n]*|failed to solve|non-zero code", _build),
    (r"nodePort: Invalid value", _node_port),
    (r"port is already allocated|address already in use", _port),
    (r"error response from daemon: [^\n]*", _image),
    (r"failed to pull image|pull access denied|manifest unknown", _build),
]
