"""The platform's mapping of an HTTP request to an event, and of a worker's reply to an HTTP response."""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any

from aiohttp import web

MAX_LOGS_HEADER = 4096  # characters; longer logs are left out


def event_message(request: web.Request, body: bytes) -> dict[str, Any]:
    """The event as the platform passes it to a worker."""
    return {
        "body": body,
        "content_type": request.headers.get("Content-Type", ""),
        "trigger": {"kind": "http", "name": "http"},
        "fields": dict(request.query),
        # Go's canonical form of header names.
        "headers": {"-".join(part.capitalize() for part in k.split("-")): v for k, v in request.headers.items()},
        "id": str(uuid.uuid4()),
        "method": request.method,
        "path": request.path,
        "size": len(body),
        "timestamp": time.time(),
        "url": str(request.rel_url),
        "shard_id": 0,
        "num_shards": 0,
        "type": "",
        "type_version": "",
        "version": "",
    }


def http_response(reply: dict[str, Any]) -> web.Response:
    """The response for a worker's reply, as `worker_main.map_output` made it."""
    encoded = reply["body_encoding"] == "base64"
    body = base64.b64decode(reply["body"]) if encoded else reply["body"].encode()
    headers = {**reply["headers"], "Server": "nuclio", "Content-Type": reply["content_type"]}
    if reply["logs"] and len(reply["logs"]) < MAX_LOGS_HEADER:
        headers["X-Nuclio-Logs"] = reply["logs"]
    return web.Response(status=reply["status_code"], body=body, headers=headers)
