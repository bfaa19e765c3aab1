"""Runs nuctl, kubectl and docker, each within a time. Their failures become one line and a way out."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from faceblur.base.errors import FaceblurError

ASK_SECONDS = 30.0  # for what only looks or changes one object
# On the local platform the dashboard looks at the containers every 30 s. One that is replaced just then makes its
# function `unhealthy` until it looks again.
UNHEALTHY_SECONDS = 60.0
READY_SLACK = 60.0  # seconds that Nuclio itself takes beyond readinessTimeoutSeconds
KUBECTL_LIMIT = "--request-timeout=20s"  # so that kubectl itself says what it waited for


class DeployFailed(FaceblurError):
    """It cannot go on. `hints` are the next steps, a line each; `said` is what the failing tool printed."""

    def __init__(self, message: str, *hints: str, said: str = "") -> None:
        super().__init__(message)
        self.hints, self.said = hints, said


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool printed, and how it ended."""

    code: int
    text: str

    def __bool__(self) -> bool:
        return self.code == 0


@dataclass(frozen=True, slots=True)
class PlatformTools:
    """The commands for one namespace of one platform, `kube` or `local`."""

    platform: str
    namespace: str

    def nuctl(self, *arguments: str) -> list[str]:
        """A command of nuctl."""
        return ["nuctl", "--platform", self.platform, "--namespace", self.namespace, *arguments]

    def kubectl(self, *arguments: str) -> list[str]:
        """A command of kubectl."""
        return ["kubectl", "--namespace", self.namespace, *arguments]

    @property
    def has_kubectl(self) -> bool:
        """Whether the cluster can be asked directly."""
        return self.platform == "kube" and shutil.which("kubectl") is not None

    def ask_kubectl(self, *arguments: str, text: str | None = None, seconds: float = ASK_SECONDS) -> Answer:
        """What kubectl answers. Raises DeployFailed when it does not answer."""
        return self.ask(self.kubectl(KUBECTL_LIMIT, *arguments), text=text, seconds=seconds)

    def ask(self, command: list[str], *, text: str | None = None, seconds: float = ASK_SECONDS) -> Answer:
        """What a command prints, with `text` as its input. Raises DeployFailed without an answer in time."""
        try:
            done = subprocess.run(
                command,
                input=text or "",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=seconds,
                start_new_session=True,  # a Ctrl-C is for deploy.sh alone, which says what goes on
            )
        except subprocess.TimeoutExpired as late:
            said = late.stdout.decode(errors="replace") if isinstance(late.stdout, bytes) else late.stdout or ""
            raise DeployFailed(f"{command[0]} gives no answer within {seconds:g} s", *self._late(), said=said) from None
        except FileNotFoundError:
            raise missing(command[0]) from None
        return Answer(done.returncode, done.stdout)

    def _late(self) -> list[str]:
        if self.platform != "kube":
            return ["Does docker answer?  docker version"]
        can_i = f"kubectl --namespace {self.namespace} auth can-i list"
        return [
            "Is this the right cluster, and can it be reached?  kubectl config current-context",
            "nuctl hangs too where a right is missing; both must say yes:",
            f"  {can_i} services",
            f"  {can_i} deployments.apps",
        ]

    def forbidden(self, said: str) -> str | None:
        """The command that shows which right is missing, if that is what a tool complains about."""
        group = r'(?: in API group "([^"]*)")?'
        found = re.search(rf'cannot (\w+) resource "([\w/]+)"{group}', said)
        if not found:
            return None
        verb, resource, api = found.groups()
        return f"kubectl --namespace {self.namespace} auth can-i {verb} {resource}{f'.{api}' if api else ''}"

    def failed(self, message: str, answer: Answer, *hints: str) -> DeployFailed:
        """The error for an answer; a missing right takes the place of the hints."""
        right = self.forbidden(answer.text)
        if right:
            hints = (f"A right is missing, ask for it; this must say yes:  {right}",)
        return DeployFailed(message, *hints, said=answer.text)


def missing(tool: str) -> DeployFailed:
    """The error for a tool that is not installed."""
    ways = {
        "nuctl": "Get the nuctl that fits your Nuclio from its releases page, then run this again.",
        "kubectl": "Install it, then run this again.",
        "docker": "nuctl builds with it. Install it, or deploy an image that was built elsewhere with --image.",
    }
    return DeployFailed(f"{tool} is not on the PATH", ways.get(tool, "Install it."))
