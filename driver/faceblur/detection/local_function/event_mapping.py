"""The platform's mapping of an HTTP request to an event, and of a worker's reply to an HTTP response."""

from __future__ import annotations

import base64
import posixpath
import time
import uuid
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from aiohttp import web

from faceblur.detection.local_function.cloud_events import is_structured, unwrapped

MAX_LOGS_HEADER = 4096  # characters; longer logs are left out


def event_message(request: web.Request, body: bytes) -> dict[str, Any]:
    """The event as the platform passes it to a worker. Raises ValueError for a CloudEvent that is none."""
    content_type = request.headers.get("Content-Type", "")
    event = {
        "body": body,
        "content_type": content_type,
        "trigger": {"kind": "http", "name": "http"},
        "fields": dict(request.query),
        # Go's canonical form of header names.
        "headers": {"-".join(part.capitalize() for part in k.split("-")): v for k, v in request.headers.items()},
        "id": str(uuid.uuid4()),
        "method": request.method,
        "path": _path(request),
        "size": len(body),
        "timestamp": time.time(),
        "url": str(request.rel_url),
        "shard_id": 0,
        "num_shards": 0,
        "type": "",
        "type_version": "",
        "version": "",
    }
    return event | unwrapped(body) if is_structured(content_type) else event


def _path(request: web.Request) -> str:
    """The path without `.`, `..` and double slashes. Bytes that are not UTF-8 stay, as surrogates."""
    target = urlsplit(request.raw_path).path if "://" in request.raw_path[:8] else request.raw_path.partition("?")[0]
    raw = unquote_to_bytes(target).decode("utf-8", "surrogateescape")
    path = posixpath.normpath("/" + raw.lstrip("/"))
    return path + "/" if raw.endswith("/") and path != "/" else path


def header_bytes(request: web.Request) -> int:
    """How long the request's line and headers are."""
    line = len(request.method) + len(request.raw_path) + len(" HTTP/1.1\r\n") + 1
    return line + sum(len(name) + len(value) + len(": \r\n") for name, value in request.raw_headers) + len("\r\n")


def http_response(reply: dict[str, Any]) -> web.Response:
    """The response for a worker's reply, as `worker_main.map_output` made it."""
    encoded = reply["body_encoding"] == "base64"
    body = base64.b64decode(reply["body"]) if encoded else reply["body"].encode()
    headers = {**reply["headers"], "Server": "nuclio", "Content-Type": reply["content_type"]}
    if reply["logs"] and len(reply["logs"]) < MAX_LOGS_HEADER:
        headers["X-Nuclio-Logs"] = reply["logs"]
    return web.Response(status=reply["status_code"], body=body, headers=headers)
