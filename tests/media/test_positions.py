"""Positions in texts: the forms of cameras, drones and phones, and what only looks like one."""

from __future__ import annotations

import pytest

from faceblur.media.positions import holds_position
from faceblur.media.private_texts import is_private

POSITIONS = (
    "GPS (8.5417, 47.3769, 19)",
    "F/2.8, SS 206.14, ISO 100, EV 0, GPS (8.5417, 47.3769, 19), D 24.26m, H 6.00m",
    "HOME(8.5417,47.3769) 2017.05.02 15:23:33",
    "GPS(-8.5417,-47.3769,0) BAROMETER:1.9",
    "[iso : 100] [latitude : 47.376900] [longtitude : 8.541700] [altitude: 100.0]",
    "[latitude: 47.3] [longitude: 8.5]",
    '{"lat": 47.3, "lng": 8.5}',
    '{"latitude":473769000}',
    '<trkpt lat="47.3769" lon="8.5417">',
    "+48.8584+002.2945+035.000/",
    "+4851.5+00217.7/",
    "+48.8584+002.2945",
    "$GPRMC,220516,A,5133.82,N,00042.24,W,173.8,231.8,130694,004.2,W*70",
    "GPS: (E: 8.541700, N: 47.376900, 19m)",
    "47°22'36.8\"N 8°32'30.1\"E",
    "47.3769° N, 8.5417° E",
    "N 47.37690 W 8.54170",
    "47.3769, 8.5417",
    "8.541712 / -47.376911",
    "geo:47.37,8.54",
    "location=47.37,8.54",
    "gps_lat=47.3 gps_lon=8.5",
)
NONE = (
    "a line",
    "Meet me at 10.30, or at 11.45.",
    "His GPS says 5 miles.",
    "<i>- It is 3.14159265, isn't it?</i>",
    "The latitude of it!",
    "Latitude 30 and longitude, they said.",
    "Tel. +41 44 123 45 67",
    "2020-01-01T10:00:00+0200",
    "{\\an8\\pos(160.5,20.25)}S. and E. are here",
    "N 5 and E 3 won 1.5 to 2.5",
    "Plane crash: 5.0, 3.1",
    "-12+100",
    "A" * 511,  # takes for ever where a pattern tries all ways to cut it
    ("A" * 59 + " ") * 2000,
    " " * 100_000 + "1.1111" + " " * 100_000,
)


@pytest.mark.parametrize("text", POSITIONS)
def test_positions(text: str) -> None:
    assert holds_position(text)
    assert is_private(text.encode()) and is_private(text.encode("utf-16"))


@pytest.mark.parametrize("text", NONE)
def test_other_texts(text: str) -> None:
    assert not holds_position(text)


@pytest.mark.parametrize("text", ["A" * 512, ("QUJD" * 19 + "\r\n") * 7, "<img src='data:image/png;base64,AAAA'>"])
def test_files_in_texts(text: str) -> None:
    assert is_private(text.encode())
