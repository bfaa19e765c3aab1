"""Still images: regions are covered, everything else stays as it was, and what cannot be kept is an error."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Pillow
from PIL import ImageCms

from driver.cli import main
from examples.sample_clip import Image
from function import wire
from function.detect import Detector
from tests import media


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_face_is_gone_and_the_rest_unchanged(
    face: Image, function_url: str, detector: Detector, tmp_path: Path, suffix: str
) -> None:
    source = tmp_path / f"face{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {"quality": 95}
    Pillow.fromarray(face[..., ::-1]).save(source, **options)
    result = invoke("image", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "1 file: 1 done; 1 frames, 1 faces" in result.output
    before = wire.decode_image(source.read_bytes())
    after = wire.decode_image((tmp_path / "out" / source.name).read_bytes())
    assert len(detector.detect([after], threshold=0.5)[0]) == 0
    boxes = detector.detect([before], threshold=0.3)[0].xyxy
    change = media.outside((before, after), boxes, 0.3)
    assert change.max() == 0 if suffix == ".png" else change.mean() < 2


def test_alpha_profile_and_upright_but_no_place(face: Image, function_url: str, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Pillow.fromarray(face[..., ::-1]).convert("RGBA")
    picture.putalpha(Pillow.fromarray(np.tile(np.arange(512, dtype=np.uint16) // 2, (512, 1)).astype(np.uint8)))
    picture.save(tmp_path / "alpha.png", icc_profile=profile)
    exif = Pillow.Exif()
    exif[0x0112] = 6
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0)}  # where it was taken
    lying = np.ascontiguousarray(np.rot90(face[:400])[..., ::-1])
    Pillow.fromarray(lying).save(tmp_path / "lying.jpg", quality=95, exif=exif, icc_profile=profile)
    result = invoke(
        "image", tmp_path / "alpha.png", tmp_path / "lying.jpg", "-o", tmp_path / "out", "--function", function_url
    )
    assert result.exit_code == 0 and "2 frames, 2 faces" in result.output, result.output
    with Pillow.open(tmp_path / "out" / "alpha.png") as out, Pillow.open(tmp_path / "alpha.png") as source:
        assert out.mode == "RGBA" and out.getchannel("A").tobytes() == source.getchannel("A").tobytes()
        assert out.info["icc_profile"] == profile
    with Pillow.open(tmp_path / "out" / "lying.jpg") as out:
        assert out.size == (512, 400) and not out.getexif() and out.info["icc_profile"] == profile


def test_what_cannot_be_redacted_is_named_and_not_written(face: Image, function_url: str, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    first = Pillow.fromarray(face[..., ::-1])
    first.save(source / "moving.webp", save_all=True, append_images=[first.rotate(9)])
    Pillow.fromarray(np.zeros((8, 8), np.uint16)).save(source / "deep.png")
    first.convert("CMYK").save(source / "print.jpg")
    (source / "text.jpg").write_text("hello")
    (source / "dangling.png").symlink_to(tmp_path / "nowhere")
    (source / "note.txt").write_text("hello")
    buffer = io.BytesIO()
    first.save(buffer, "JPEG")
    (source / "cut.jpg").write_bytes(buffer.getvalue()[:5000])
    first.save(source / "good.jpg")
    result = invoke("image", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 1
    for name in ("moving.webp", "deep.png", "print.jpg", "text.jpg", "cut.jpg", "dangling.png"):
        assert f"error: {source / name}: " in result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.jpg"]
    assert "1 other file left alone: note.txt" in result.output
    again = invoke("image", source / "good.jpg", "-o", tmp_path / "out", "--function", function_url)
    assert again.exit_code == 0 and "1 skipped" in again.output
