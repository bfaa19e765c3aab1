"""The body of a structured CloudEvent, as Nuclio passes it on."""

from __future__ import annotations

import pytest

from faceblur.detection.local_function.cloud_events import unwrapped


def test_what_is_no_unicode_is_replaced_as_go_does() -> None:
    event = unwrapped(rb'{"data": {"\ud800": [1, "a\udfff", "\ud83d\ude00"]}}')
    assert event["body"] == {"\ufffd": [1.0, "a\ufffd", "\U0001f600"]}
    assert unwrapped(rb'{"data": "\ud800"}')["body"] == "\ufffd".encode()


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"data":' * 100_000, b"[]", b"\xff", b""])
def test_what_is_none_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unwrapped(body)
