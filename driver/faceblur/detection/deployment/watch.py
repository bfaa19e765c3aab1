"""Waits for a function to become ready, says what it waits for, and ends at once when it never will be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from faceblur.detection.deployment.cluster import Cluster
from faceblur.detection.deployment.local_store import LocalStore
from faceblur.detection.deployment.platform_tools import DeployFailed, PlatformTools, missing
from faceblur.detection.deployment.pods import Trouble, pod_states

POLL_SECONDS = 2.0
REMINDER_SECONDS = 60.0  # a line that has not changed for so long is said again
BUILD_SECONDS = 3600.0  # Nuclio's own limit
UNTAKEN_SECONDS = 60.0  # in which a controller takes up what nuctl has left for it
REFUSED_SECONDS = 10.0  # a quota may be free again once the pods of before have ended
STARTING = ("waitingForResourceConfiguration", "configuringResources")
FINAL = ("ready", "error", "unhealthy", "scaledToZero")
# What nuctl's log says, and what that means, in the order of its steps.
STEPS = [
    ("Staging files and preparing base images", "getting the base images"),
    ("Building processor image", "building the image"),
    ("Pushing docker image into registry", "pushing the image"),
    ("Waiting for function to be ready", "starting the container"),
]


class NeverReady(Exception):
    """The function will not become ready: the trouble, if it is known, and the log of its pod."""

    def __init__(self, text: str, trouble: Trouble | None = None, log: str = "") -> None:
        super().__init__(text)
        self.trouble, self.log = trouble, log


class Watch:
    """Looks at a function that starts. `say` gets a line whenever what it waits for changes."""

    def __init__(
        self, tools: PlatformTools, function: str, replicas: int, ready_seconds: float, say: Callable[[str], None]
    ):
        self._tools, self._function, self._replicas, self._say = tools, function, replicas, say
        self._cluster = Cluster(tools, function) if tools.has_kubectl else None
        self._before = self._cluster.pod_names() if self._cluster else frozenset()
        self._ready_seconds = ready_seconds
        self._line, self._said_at, self._started_at = "", time.monotonic(), 0.0
        self._begun, self._refused_at = time.monotonic(), 0.0
        # nuctl writes so for an image that stays on this machine, too.
        self._unsaid = "pushing the image" if tools.platform == "local" else ""
        self.ready = 0

    def keep_pods(self) -> None:
        """The pods that run already count: the deployment does not replace them."""
        self._before = frozenset()

    def run(self, command: list[str], log: Path) -> int:
        """Run nuctl, with its output in `log`, until it ends. Raises NeverReady, after ending it."""
        with log.open("ab") as output:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise missing(command[0]) from None
        try:
            with log.open(errors="replace") as reader:
                while (code := _ended(process)) is None:
                    self._look(self._step(reader))
            return code
        finally:
            _end(process)

    @property
    def has_begun(self) -> bool:
        """Whether the cluster has been told to start pods."""
        return self._started_at > 0

    def wait(self) -> str:
        """Wait for the state in which the resource stays, and return it. Raises NeverReady.

        `ready` counts only with all pods: to Nuclio a function is ready as long as pods of before serve.
        """
        assert self._cluster is not None
        self._started_at = self._started_at or time.monotonic()
        while (state := self._cluster.state()) not in FINAL or (state == "ready" and not self._all_ready()):
            self._look("")
            time.sleep(POLL_SECONDS)
        return state

    def _all_ready(self) -> bool:
        assert self._cluster is not None
        self.ready = pod_states(self._cluster.pods(), before=self._before).ready
        return self.ready >= self._replicas

    def _step(self, log: IO[str]) -> str:
        text = log.read()
        steps = [meaning for words, meaning in STEPS if words in text and meaning != self._unsaid]
        if steps:
            self._tell(steps[-1])
        return self._line

    def _look(self, step: str) -> None:
        now = time.monotonic()
        if step and now - self._said_at > REMINDER_SECONDS:
            self._said_at = now
            self._say(f"still {step}, {now - self._begun:.0f} s so far")
        if self._cluster:
            with suppress(DeployFailed):  # an answer that fails once: the times below end it if it lasts
                self._look_at_pods(self._cluster, now)
        elif step == STEPS[-1][1]:
            self._started_at = self._started_at or now
            self._look_at_container()
        if self._started_at and now - self._started_at > self._ready_seconds:
            raise NeverReady(f"not ready within {self._ready_seconds:.0f} s")
        if not self._started_at and now - self._begun > BUILD_SECONDS:
            raise NeverReady(f"no image within {BUILD_SECONDS:.0f} s")

    def _look_at_pods(self, cluster: Cluster, now: float) -> None:
        state = cluster.state()
        if state not in STARTING and not (state in FINAL and self._started_at):
            return
        self._started_at = self._started_at or now
        pods = cluster.pods()
        has_begun = any(pod["metadata"]["name"] not in self._before for pod in pods)
        if not has_begun and not self._refused_at and now - self._started_at > UNTAKEN_SECONDS:
            raise NeverReady(f"Nuclio's controller has not taken it up within {UNTAKEN_SECONDS:.0f} s")
        states = pod_states(pods, before=self._before)
        self.ready = states.ready
        if pods:
            self._tell(states.line(self._replicas))
        waiting = [pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"] not in self._before]
        trouble = states.trouble or (cluster.volume_trouble(waiting) if states.waits else None)
        if trouble:
            raise NeverReady(trouble.message, trouble, cluster.log(trouble.pod))
        self._look_at_refusal(cluster, len(waiting), now)

    def _look_at_refusal(self, cluster: Cluster, pods: int, now: float) -> None:
        refusal = cluster.refusal() if pods < self._replicas else ""
        self._refused_at = (self._refused_at or now) if refusal else 0.0
        if refusal and now - self._refused_at > REFUSED_SECONDS:
            raise NeverReady(refusal, Trouble("FailedCreate", refusal, ""))

    def _look_at_container(self) -> None:
        name = LocalStore(self._tools, self._function).container
        answer = self._tools.ask(["docker", "inspect", "--format", "{{json .State}}", name])
        state = json.loads(answer.text) if answer and answer.text.lstrip().startswith("{") else {}
        if state.get("Status") in ("restarting", "exited") and state.get("ExitCode"):
            log = self._tools.ask(["docker", "logs", "--tail", "200", name]).text
            reason = "OOMKilled" if state.get("OOMKilled") else "Crash"
            raise NeverReady("it crashed", Trouble(reason, f"it ended with {state['ExitCode']}", name), log)

    def _tell(self, line: str) -> None:
        if line != self._line:
            self._line, self._said_at = line, time.monotonic()
            self._say(line)


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code, after POLL_SECONDS at most; None while it runs."""
    try:
        return process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and what it has started, if it still runs."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
