"""Handlers that misbehave on request, for the tests of the local trigger; loaded by name in worker processes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any


def init_context(context: Any) -> None:
    if reason := os.environ.get("FAIL_INIT"):
        raise SystemExit(f"cannot start: {reason}")
    if started := os.environ.get("FAIL_AGAIN"):
        if Path(started).exists():
            raise SystemExit("cannot start: out of memory")
        Path(started).touch()
    context.user_data.pid = os.getpid()


def handler(context: Any, event: Any) -> Any:
    action, _, argument = event.path.lstrip("/").partition("/")
    return ACTIONS[action](context, event, argument)


def _describe(context: Any, event: Any, argument: str) -> Any:
    body = event.body.decode() if isinstance(event.body, bytes) else event.body
    described = {
        "type": type(event.body).__name__,
        "body": body,
        "content_type": event.content_type,
        "method": event.method,
        "path": event.path,
        "fields": event.fields,
        "headers": event.headers,
        "pid": os.getpid(),
        "worker": context.worker_id,
        "trigger": event.trigger.kind,
    }
    return context.Response(body=json.dumps(described), content_type="application/json")


def _raise(context: Any, event: Any, argument: str) -> Any:
    raise ValueError("out of cheese")


def _exit(context: Any, event: Any, argument: str) -> Any:
    raise SystemExit(3)


def _sleep(context: Any, event: Any, argument: str) -> Any:
    time.sleep(float(argument))
    return f"slept in {os.getpid()}"


def _hold(context: Any, event: Any, argument: str) -> Any:
    """Writes a file named after its process into a folder, and answers once the file `release` is there."""
    folder = Path("/", argument)
    Path(folder, str(os.getpid())).touch()
    while not Path(folder, "release").exists():
        time.sleep(0.01)
    return f"held in {os.getpid()}"


def _die(context: Any, event: Any, argument: str) -> Any:
    os._exit(9)


def _kill(context: Any, event: Any, argument: str) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _output(context: Any, event: Any, argument: str) -> Any:
    outputs: dict[str, Any] = {
        "str": "text",
        "dict": {"a": 1},
        "tuple": (201, "made"),
        "tuple-dict": (202, {"b": 2}),
        "bytes": b"\x00\xff",
        "list": ["first", "second"],
        "empty-list": [],
        "none": None,
        "response-list": context.Response(body=[1, 2]),
        "response": context.Response(
            body="ok", content_type="text/x", status_code=418, headers={"X-Text": "yes", "X-Number": 5}
        ),
    }
    return outputs[argument]


def _log(context: Any, event: Any, argument: str) -> Any:
    context.logger.info_with("hello", size=3)
    return "logged"


def _size(context: Any, event: Any, argument: str) -> Any:
    return str(len(event.body))


def _say(context: Any, event: Any, argument: str) -> Any:
    return argument


def _out_of_memory(context: Any, event: Any, argument: str) -> Any:
    return context.Response(status_code=507)


def _retry_after(context: Any, event: Any, argument: str) -> Any:
    return context.Response(status_code=503, headers={"Retry-After": "7"})


ACTIONS = {
    "say": _say,
    "out-of-memory": _out_of_memory,
    "retry-after": _retry_after,
    "size": _size,
    "describe": _describe,
    "raise": _raise,
    "exit": _exit,
    "sleep": _sleep,
    "hold": _hold,
    "die": _die,
    "kill": _kill,
    "output": _output,
    "log": _log,
}


def told_handler(context: Any, event: Any) -> Any:
    """Does what the body says, not the path."""
    action, _, argument = (event.body or "describe").partition(" ")
    return ACTIONS[action](context, event, argument)


async def async_handler(context: Any, event: Any) -> Any:
    return "async"


def raw_handler(context: Any, event: Any) -> Any:
    return repr(event.path)
