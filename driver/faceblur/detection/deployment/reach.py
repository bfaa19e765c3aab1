"""How a deployed function is reached: its own address, or a port that kubectl forwards while it is used."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from faceblur.base.errors import UsageError
from faceblur.detection.deployment import nuctl_answers
from faceblur.detection.deployment.platform_tools import UNHEALTHY_SECONDS, Answer, DeployFailed, PlatformTools

FORWARD_SECONDS = 30.0
POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a function answers: `direct`, or inside the cluster only. `node_port` is 0 when there is none."""

    url: str
    direct: bool
    node_port: int
    image: str


def find_address(tools: PlatformTools, function: str) -> Address:
    """The address of a ready function. Raises DeployFailed."""
    deadline = time.monotonic() + UNHEALTHY_SECONDS
    while nuctl_answers.is_unhealthy((answer := _described(tools, function)).text) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    look = f"See its state:  {' '.join(tools.nuctl('get', 'function', function, '-o', 'wide'))}"
    if not answer:
        raise tools.failed(f"nuctl cannot describe {function}", answer, look)
    try:
        access, url, port = nuctl_answers.address(answer.text)
        image = nuctl_answers.image(answer.text)
    except UsageError as error:
        raise DeployFailed(
            f"{function} has no address to use: {error}", look, f"See its log:  {logs(tools, function)}"
        ) from None
    if tools.platform == "local" and access == "forward":
        access, url = "direct", f"http://127.0.0.1:{port}"
    return Address(url, access == "direct", port, image)


def _described(tools: PlatformTools, function: str) -> Answer:
    return tools.ask(tools.nuctl("get", "function", function, "-o", "json"))


@contextmanager
def reachable(tools: PlatformTools, function: str, address: Address) -> Iterator[str]:
    """A URL at which this machine reaches the function. Raises DeployFailed."""
    if address.direct:
        yield address.url
        return
    if not tools.has_kubectl:
        raise DeployFailed(
            f"{function} is deployed at {address.url}, inside the cluster only, and could not be checked",
            "kubectl is not on the PATH. Install it, or deploy with --service-type NodePort, and run this again.",
        )
    # Without a local port kubectl takes a free one, which it names in its output.
    command = tools.kubectl("port-forward", f"svc/nuclio-{function}", ":8080")
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            deadline, port, said = time.monotonic() + FORWARD_SECONDS, None, ""
            ended = False
            while port is None and not ended and time.monotonic() < deadline:
                time.sleep(0.1)
                ended = process.poll() is not None  # before its output is read for the last time
                output.seek(0)
                said = output.read()
                port = re.search(r"^Forwarding from 127\.0\.0\.1:(\d+) ", said, re.MULTILINE)
            if port is None:
                by_hand = tools.kubectl("port-forward", f"svc/nuclio-{function}", "8080:8080")
                raise DeployFailed(
                    f"{function} is deployed at {address.url}, but kubectl could not forward a port to it",
                    f"Try it yourself:  {' '.join(by_hand)}",
                    f"This must say yes:  {' '.join(tools.kubectl('auth', 'can-i', 'create', 'pods/portforward'))}",
                    said=said,
                )
            yield f"http://127.0.0.1:{port[1]}"
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def logs(tools: PlatformTools, function: str) -> str:
    """The command that shows a function's log."""
    if tools.platform == "local":
        return f"docker logs --tail 100 nuclio-{tools.namespace}-{function}"
    return " ".join(tools.kubectl("logs", "--tail", "100", "--selector", f"nuclio.io/function-name={function}"))


def pods(tools: PlatformTools, function: str) -> str:
    """The command that shows a function's pods and what happened to them."""
    if tools.platform == "local":
        return f"docker ps --all --filter name=nuclio-{tools.namespace}-{function}"
    return " ".join(tools.kubectl("describe", "pods", "--selector", f"nuclio.io/function-name={function}"))
