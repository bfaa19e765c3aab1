"""The platform's mapping of a request to an event, and of a worker's reply to the answer."""

from __future__ import annotations

import base64
import json
import posixpath
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from faceblur.detection.local_function.cloud_events import is_structured, unwrapped

MAX_LOGS_HEADER = 4096  # characters; longer logs are left out


@dataclass(frozen=True, slots=True)
class EventResponse:
    """What a request gets: an HTTP status, a body and headers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_text(cls, status: int, text: str) -> EventResponse:
        return cls(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})

    @classmethod
    def given_up(cls, why: str) -> EventResponse:
        """To a request that no worker can serve: another attempt cannot help."""
        error = {"code": "worker_died", "message": f"the function gave up: {why}"}
        return cls(507, json.dumps({"error": error}).encode(), {"Content-Type": "application/json; charset=utf-8"})


# To a body that is too large.
TOO_LARGE = EventResponse.of_text(400, "Error when parsing request")


def event_message(
    method: str, target: str, headers: Mapping[str, str], body: bytes, *, url: str, query: Mapping[str, str]
) -> dict[str, Any]:
    """The event as the platform passes it to a worker. Raises ValueError for a CloudEvent that is none.

    `target` is what the request's line names, `url` and `query` what that was parsed into.
    """
    content_type = headers.get("Content-Type", "")
    event = {
        "body": body,
        "content_type": content_type,
        "trigger": {"kind": "http", "name": "http"},
        "fields": dict(query),
        # Go's canonical form of header names.
        "headers": {"-".join(part.capitalize() for part in k.split("-")): v for k, v in headers.items()},
        "id": str(uuid.uuid4()),
        "method": method,
        "path": _path(target),
        "size": len(body),
        "timestamp": time.time(),
        "url": url,
        "shard_id": 0,
        "num_shards": 0,
        "type": "",
        "type_version": "",
        "version": "",
    }
    return event | unwrapped(body) if is_structured(content_type) else event


def _path(target: str) -> str:
    """The path without `.`, `..` and double slashes. Bytes that are not UTF-8 stay, as surrogates."""
    path = urlsplit(target).path if "://" in target[:8] else target.partition("?")[0]
    raw = unquote_to_bytes(path).decode("utf-8", "surrogateescape")
    path = posixpath.normpath("/" + raw.lstrip("/"))
    return path + "/" if raw.endswith("/") and path != "/" else path


def answer_of(reply: dict[str, Any]) -> EventResponse:
    """The answer for a worker's reply, as `worker_main.map_output` made it."""
    encoded = reply["body_encoding"] == "base64"
    body = base64.b64decode(reply["body"]) if encoded else reply["body"].encode()
    headers = {**reply["headers"], "Content-Type": reply["content_type"]}
    if reply["logs"] and len(reply["logs"]) < MAX_LOGS_HEADER:
        headers["X-Nuclio-Logs"] = reply["logs"]
    return EventResponse(reply["status_code"], body, headers)
