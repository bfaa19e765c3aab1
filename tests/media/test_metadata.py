"""Tags that identify a location or a device are dropped."""

from __future__ import annotations

import pytest

from faceblur.media.metadata import kept_tags


@pytest.mark.parametrize("keep", [False, True])
def test_tags_of_locations_and_devices(keep: bool) -> None:
    private = {"location": "+48+011/", "com.apple.quicktime.make": "X", "©xyz": "+48+011/", "GPS-Altitude": "3"}
    shared = {"title": "a title", "creation_time": "2020-01-01", "remodelling": "no model"}
    kept, dropped = kept_tags(private | shared | {"encoder": "Lavf"}, keep_location=keep)
    assert kept == (private | shared if keep else shared) and set(dropped) == (set() if keep else set(private))
