"""Reads the address and the image of a function from the answer of `nuctl get function NAME -o json`.

`python -m faceblur.detection.deployment.nuctl_answers address|image`, with that answer as standard input.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from faceblur.base.errors import UsageError


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


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["address"]:
                print(*address(sys.stdin.read()))
            case ["image"]:
                print(image(sys.stdin.read()))
            case _:
                print((__doc__ or "").splitlines()[2], file=sys.stderr)
                return 2
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
