"""Nuclio's reading of a structured CloudEvent: its `data` becomes the body, its `source` the kind of trigger."""

from __future__ import annotations

import json
from typing import Any

STRUCTURED = "application/cloudevents+json"


def is_structured(content_type: str) -> bool:
    """Whether a request with this content type is one."""
    return content_type.startswith(STRUCTURED)


def unwrapped(body: bytes) -> dict[str, Any]:
    """The fields of the event that come from the body. Raises ValueError.

    Numbers are floats, as in Go, and what is no Unicode becomes U+FFFD. Nuclio 1.14.1 gives an event without `data`
    that of the one before; here it has none.
    """
    try:
        event = json.loads(body, parse_int=float)
        # Half of a pair of UTF-16, which JSON can write, is replaced.
        text = json.dumps(event, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        event = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(event, dict):
        raise ValueError("no object")
    data, source = event.get("data"), str(event.get("source") or "")
    return {
        "body": data.encode() if isinstance(data, str) else data,
        "content_type": str(event.get("contentType") or ""),
        "headers": {},
        "trigger": {"kind": source, "name": source},
        "type": str(event.get("eventType") or ""),
        "type_version": str(event.get("eventTypeVersion") or ""),
        "version": str(event.get("cloudEventsVersion") or ""),
    }
