"""Which settings of a sidecar's header matter to a video that is rendered from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from faceblur.base.errors import SidecarError
from faceblur.base.options import Changes, Options
from faceblur.redaction.render import rendered_options
from faceblur.redaction.sidecar_format import FunctionUsed, Header, Identity, SettingsUsed

SETTINGS = SettingsUsed.of(Options(style="solid", padding=0.5, crf=30))


def header(settings: SettingsUsed) -> Header:
    return Header(
        video=Identity("a.mp4", 1, sha256_first_mib="", sha256_last_mib=""),
        output="a.mp4",
        function=FunctionUsed("m", "", "cpu"),
        settings=settings,
        frame_wh=(64, 48),
        time_base="1/25",
    )


@pytest.mark.parametrize("settings", [replace(SETTINGS, look_around=9.0), replace(SETTINGS, threshold=1.5)])
def test_how_faces_were_detected_does_not_matter(settings: SettingsUsed) -> None:
    options = rendered_options(Path("a.jsonl"), header(settings), Changes(padding=0.75))
    assert (options.style, options.padding, options.crf) == ("solid", 0.75, 30)


def test_how_they_are_masked_does() -> None:
    with pytest.raises(SidecarError, match="padding"):
        rendered_options(Path("a.jsonl"), header(replace(SETTINGS, padding=3.0)), Changes())
