"""One worker process of the local function: loads the handler by name, answers one event after another.

`worker_handle` starts it. The two exchange messages over an inherited socket.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import json
import logging
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import nuclio_sdk
import nuclio_sdk.json_encoder
import nuclio_sdk.logger

from faceblur.detection.local_function.worker_messages import receive, send


def load_handler(name: str) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """The handler `package.module:function`, and `init_context` of the module in which that function is defined."""
    module_name, _, function_name = name.partition(":")
    handler = getattr(importlib.import_module(module_name), function_name)
    return handler, getattr(sys.modules[handler.__module__], "init_context", None)


class RequestLogs(logging.Handler):
    """Keeps what is logged during one event, for the `X-Nuclio-Logs` header."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        entry = {"level": record.levelname.lower(), "message": record.getMessage(), "time": record.created * 1000}
        self.entries.append(entry | {"with": getattr(record, "with", {})})


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a plain or an async function."""
    result = function(*arguments)
    if inspect.iscoroutine(result):
        import asyncio  # not above: it takes longer to load than most of what a worker needs

        return asyncio.run(result)
    return result


def answer(handler: Callable[..., Any], context: nuclio_sdk.Context, message: dict[str, Any]) -> dict[str, Any]:
    """The handler's reply to one event, mapped as the platform does: body, body_encoding, content_type and the rest."""
    kinds, raw = nuclio_sdk.event.EventDeserializerKinds, undecoded(message)
    if os.environ.get("NUCLIO_PYTHON_DECODE_EVENT_STRINGS", "").lower() in ("no", "false", "disable", "disabled"):
        event = nuclio_sdk.Event.deserialize(raw, kind=kinds.msgpack_raw)
    else:
        try:
            event = nuclio_sdk.Event.deserialize(decoded(raw), kind=kinds.msgpack)
        except UnicodeDecodeError as error:
            return plain_failure(f'Exception caught while serving - "{error}": {traceback.format_exc()}')
    return map_output(call(handler, context, event))


def undecoded(value: Any) -> Any:
    """The value with the bytes of its strings, as they come from the platform when it does not decode them."""
    if isinstance(value, dict):
        return {undecoded(name): undecoded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [undecoded(item) for item in value]
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def decoded(message: dict[bytes, Any]) -> dict[str, Any]:
    """The event with its strings as text, all but a body of bytes. Raises UnicodeDecodeError."""

    def text(value: Any) -> Any:
        if isinstance(value, dict):
            return {text(name): text(item) for name, item in value.items()}
        if isinstance(value, list):
            return [text(item) for item in value]
        return value.decode() if isinstance(value, bytes) else value

    body = message[b"body"]
    event: dict[str, Any] = text(message | {b"body": None})
    return event | {"body": body if isinstance(body, bytes) else text(body)}


def map_output(output: Any) -> dict[str, Any]:
    """The platform's mapping of a handler's return value to a response."""
    if isinstance(output, list):  # taken for a batch: a client that sent one event gets its first element
        if not output:
            return plain_failure("")
        output = output[0]
    encoder = nuclio_sdk.json_encoder.Encoder()
    reply: dict[str, Any] = nuclio_sdk.Response.from_entrypoint_output(encoder.encode, output)
    # Nuclio skips header values that are no strings.
    reply["headers"] = {name: value for name, value in reply["headers"].items() if isinstance(value, str)}
    return reply


def plain_failure(text: str) -> dict[str, Any]:
    """The platform's response to a failure: a 500 with plain text."""
    return {"status_code": 500, "body": text, "content_type": "text/plain", "headers": {}, "body_encoding": "text"}


def exit_with_parent() -> None:
    """End this process as soon as the parent ends, even if it was killed: the parent's end of our stdin closes then."""

    def watch() -> None:
        # Not sys.stdin: its lock, held by a waiting thread, makes the interpreter's own exit crash.
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(handler_name: str, descriptor: int, worker_id: int) -> None:
    exit_with_parent()
    stream: Any = socket.socket(fileno=descriptor).makefile("rwb")
    logger = nuclio_sdk.Logger(logging.DEBUG)
    logger.set_handler("default", sys.stdout, nuclio_sdk.logger.JSONFormatter())
    trigger = nuclio_sdk.event.TriggerInfo("http", "http")
    context = nuclio_sdk.Context(logger, nuclio_sdk.Platform("local"), worker_id, trigger)
    gc.disable()  # what is loaded here stays
    handler, init_context = load_handler(handler_name)
    if init_context is not None:
        call(init_context, context)
    gc.freeze()
    gc.enable()
    send(stream, "ready")
    while True:
        message = receive(stream)
        logs = RequestLogs()
        logging.getLogger("nuclio_sdk").addHandler(logs)
        try:
            reply = answer(handler, context, message)
        except (Exception, SystemExit) as error:
            reply = plain_failure(f'Exception caught in handler - "{error}": {traceback.format_exc()}')
        finally:
            logging.getLogger("nuclio_sdk").removeHandler(logs)
        reply["logs"] = json.dumps(logs.entries, default=str) if message["headers"].get("X-Nuclio-Log-Level") else ""
        send(stream, reply)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
