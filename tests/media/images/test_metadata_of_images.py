"""Metadata of images: rotation is applied, all else that is dropped is named."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, PngImagePlugin

from examples.sample_clip import Image
from faceblur.media.images.image_reader import read_image
from faceblur_function.detectors.detector import Detector
from tests.media.images.test_carried_parts import chunk
from tests.support import clips as media
from tests.support.images import PROFILE, invoke


def tagged() -> Pillow.Exif:
    """EXIF with the orientation, the location and the camera."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    exif[0x0110] = "a model"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0)}
    return exif


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_upright_and_nothing_that_identifies_the_location_or_shows_the_face(
    face: Image, function_url: str, tmp_path: Path, suffix: str, detector: Detector
) -> None:
    """A sideways image whose metadata holds a location and a small copy of itself."""
    upright = face[:400, :, ::-1]
    lying = Pillow.fromarray(np.ascontiguousarray(np.rot90(upright)))
    small = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(upright)).resize((160, 125)).save(small, "JPEG")
    source = tmp_path / f"lying{suffix}"
    extra: dict[str, Any] = {"exif": tagged()}
    if suffix == ".png":
        extra["pnginfo"] = PngImagePlugin.PngInfo()
        extra["pnginfo"].add_text("Comment", "a place")
    if suffix == ".jpg":
        extra["exif"] = tagged().tobytes() + small.getvalue()  # as cameras do, after the tags
        extra["comment"] = b"a place"
    if suffix == ".tif":
        tags = [(0x0112, "H", 1, 6, True), (0x0110, "s", 0, "a model", True), (700, "B", 7, b"a place", True)]
        tifffile.imwrite(source, np.array(lying), extratags=tags)
    else:
        lying.save(source, **extra, **({"lossless": True} if suffix == ".webp" else {}))
    result = invoke("image", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "1 frame, 1 face" in result.output, result.output
    assert "left out: metadata (" in " ".join(result.output.split())
    target = tmp_path / "out" / source.name
    with Pillow.open(target) as out:
        assert out.size == (512, 400) and not out.getexif().get(0x8825) and not out.getexif().get(0x0110)
        assert out.getexif().get(0x0112, 1) == 1
        pixels = np.array(out.convert("RGB"))
    with Pillow.open(source) as image:
        shown = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    box = detector.detect([np.ascontiguousarray(face[:400])], threshold=0.5)[0].xyxy[0]
    change = media.outside((shown, pixels), [box], 0.45)
    assert change.mean() < 1 if suffix == ".jpg" else change.max() == 0
    content = target.read_bytes()
    assert (
        content.count(b"\xff\xd8\xff\xe0") == (suffix == ".jpg") and b"place" not in content and b"model" not in content
    )


def test_damaged_metadata_prints_nothing(face: Image, function_url: str, tmp_path: Path) -> None:
    """Pillow warns of it, on two lines."""
    Pillow.fromarray(face[..., ::-1]).save(tmp_path / "a.jpg", exif=tagged().tobytes()[:30])
    command = (sys.executable, "-m", "faceblur", "image", tmp_path / "a.jpg", "-o", tmp_path / "out", "-q")
    done = subprocess.run([*command, "--function", function_url], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_second_image_of_an_mpo_is_left_out_and_named(face: Image, function_url: str, tmp_path: Path) -> None:
    first = Pillow.fromarray(face[..., ::-1])
    first.save(tmp_path / "two.jpg", "MPO", save_all=True, append_images=[first.rotate(1)])
    result = invoke("image", tmp_path / "two.jpg", "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "further image" in " ".join(result.output.split())
    with Pillow.open(tmp_path / "out" / "two.jpg") as image:
        assert image.format == "JPEG" and getattr(image, "n_frames", 1) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_no_picture_in_a_colour_profile(face: Image, function_url: str, tmp_path: Path, suffix: str) -> None:
    """Any tag of a profile may hold any bytes: the profile is left out and named, and a plain one is kept."""
    shown, small = Pillow.fromarray(np.ascontiguousarray(face[..., ::-1])), io.BytesIO()
    shown.resize((160, 160)).save(small, "JPEG")
    source = tmp_path / "in"
    source.mkdir()
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in (("plain", plain), ("hidden", plain + small.getvalue())):
        shown.save(source / f"{name}{suffix}", icc_profile=profile)
    result = invoke("image", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0, result.output
    named = ["metadata (a colour profile that holds a picture)"]
    assert read_image(source / f"hidden{suffix}").left_out == named
    assert read_image(source / f"plain{suffix}").left_out == []
    with (
        Pillow.open(tmp_path / "out" / f"plain{suffix}") as kept,
        Pillow.open(tmp_path / "out" / f"hidden{suffix}") as clean,
    ):
        assert kept.info["icc_profile"] == plain and "icc_profile" not in clean.info


def test_what_says_something_about_colours_holds_no_more_than_that(face: Image, tmp_path: Path) -> None:
    """Chunks of a PNG and tags of a TIFF that are kept: of their own size, and with nothing behind a profile."""
    shown, small = Pillow.fromarray(np.ascontiguousarray(face[..., ::-1])), io.BytesIO()
    shown.resize((160, 160)).save(small, "JPEG")
    hidden, profile = small.getvalue(), zlib.compress(PROFILE)
    shown.save(tmp_path / "a.png")
    png = (tmp_path / "a.png").read_bytes()
    bodies = [(b"iCCP", b"a\0\0" + profile + hidden), (b"iCCP", hidden.replace(b"\0", b"a") + b"\0\0" + profile)]
    bodies += [(name, hidden) for name in (b"cHRM", b"cICP", b"gAMA", b"mDCV", b"cLLI", b"sRGB", b"pHYs")]
    for name, body in bodies:
        (tmp_path / "a.png").write_bytes(png[:33] + chunk(name, body) + png[33:] + chunk(b"sRGB", b"\0"))
        source = read_image(tmp_path / "a.png")
        assert source.left_out[0] == f"the chunk {name.decode()}"
        written = source.encode(source.pages)
        assert hidden[900:940] not in written and b"iCCP" not in written and b"sRGB" not in written
    gamma, white = (301, 3, 256, tuple(range(256)), True), (318, 5, 2, (1, 3, 1, 3), True)
    spoilt = (301, 1, len(hidden), hidden, True), (318, 1, len(hidden), hidden, True)
    for tags, left_out in (((gamma, white), []), (spoilt, ["metadata (TransferFunction, WhitePoint)"])):
        options = {"photometric": "rgb", "metadata": None, "software": False, "extratags": tags}
        tifffile.imwrite(tmp_path / "a.tif", face[..., ::-1], **options)
        source = read_image(tmp_path / "a.tif")
        assert source.left_out == left_out
        (tmp_path / "again.tif").write_bytes(source.encode(source.pages))
        with tifffile.TiffFile(tmp_path / "again.tif") as file:
            assert (301 in file.pages[0].tags) == (318 in file.pages[0].tags) == (not left_out)
        assert hidden[900:940] not in (tmp_path / "again.tif").read_bytes()
