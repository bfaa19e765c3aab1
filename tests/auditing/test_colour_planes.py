"""A face whose gray levels are masked and whose colours are not is exposed."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.planes import planes
from faceblur.redaction.sidecar_files import sidecar_path
from tests.cli.calls import invoke

FRAMES = 12


def with_colours_of(source: Path, good: Path, output: Path, clear: set[int]) -> None:
    """Write the good output again, in these frames with the colours of its source."""
    with av.open(str(source)) as one, av.open(str(good)) as other, av.open(str(output), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "18"})
        for number, (before, after) in enumerate(zip(one.decode(video=0), other.decode(video=0), strict=True)):
            if number == 0:
                video.width, video.height, video.pix_fmt = after.width, after.height, after.format.name
                video.codec_context.time_base = after.time_base
            after.make_writable()
            if number in clear:
                for shown, masked in list(zip(planes(before), planes(after), strict=True))[1:]:
                    masked.array[...] = shown.array
            after.pict_type = av.video.frame.PictureType.NONE
            container.mux(video.encode(after))
        container.mux(video.encode(None))
    shutil.copy(sidecar_path(good), sidecar_path(output))


@pytest.mark.parametrize(("style", "pix_fmt"), [("blur", "yuv420p"), ("pixelate", "yuv444p10le"), ("solid", "yuv420p")])
def test_colours_that_are_not_masked(face: Image, function_url: str, tmp_path: Path, style: str, pix_fmt: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pan(face, (320, 240), FRAMES), audio_codec=None, pix_fmt=pix_fmt)
    function = ("--function", function_url)
    assert invoke("run", clip, "-o", tmp_path / "out", "--style", style, *function).exit_code == 0
    good = tmp_path / "out" / "clip.mp4"
    passed = invoke("audit", clip, good, *function)
    assert passed.exit_code == 0, passed.output
    coloured = tmp_path / "coloured.mp4"
    with_colours_of(clip, good, coloured, {7})
    failed = invoke("audit", clip, coloured, *function)
    assert failed.exit_code == 1, failed.output
    assert "1 exposed" in failed.output and "of the detail of its colours is left" in failed.output
