"""Image files that cannot be redacted are named and not written."""

from __future__ import annotations

import io
import random
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from examples.sample_clip import Image
from faceblur.base.errors import MediaError
from faceblur.media.images.image_reader import measure, read_image
from tests.support.function_requests import in_tiff, many_scans
from tests.support.images import invoke, write_all


def test_what_cannot_be_redacted_is_named_and_not_written(face: Image, function_url: str, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    first = Pillow.fromarray(face[..., ::-1])
    tifffile.imwrite(source / "float.tif", np.zeros((8, 8, 3), np.float32), photometric="rgb")
    tifffile.imwrite(source / "infrared.tif", np.zeros((8, 8, 4), np.uint8), photometric="rgb", extrasamples=[0])
    tifffile.imwrite(source / "huge.tif", shape=(20000, 20000, 3), dtype=np.uint16, photometric="rgb")
    with (source / "huge.tif").open("r+b") as file:
        file.truncate(1 << 20)
    (source / "text.jpg").write_text("hello")
    (source / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (source / "dangling.png").symlink_to(tmp_path / "nowhere")
    (source / "note.txt").write_text("hello")
    for suffix in (".jpg", ".png", ".webp", ".gif", ".tif"):
        buffer = io.BytesIO()
        first.save(buffer, {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper()))
        (source / f"cut{suffix}").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with tifffile.TiffWriter(source / "cut-pages.tif") as writer:
        for _ in range(3):
            writer.write(np.zeros((64, 64), np.uint8))
    content = (source / "cut-pages.tif").read_bytes()
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        (source / "cut-pages.tif").write_bytes(content[: file.pages[2].offset])
    first.save(source / "good.jpg")
    result = invoke("image", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 1
    bad = {path.name for path in source.iterdir()} - {"good.jpg", "note.txt"}
    assert len(bad) == 12
    for name in bad:
        (line,) = [line for line in result.output.splitlines() if line.startswith(f"error: {source / name}: ")]
        assert "a bug in faceblur" not in line and "internal error" not in line, line
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.jpg"]
    assert "1 other file left alone: note.txt" in result.output
    again = invoke("image", source / "good.jpg", "-o", tmp_path / "out", "--function", function_url)
    assert again.exit_code == 0 and "1 skipped" in again.output


def test_two_images_with_one_name(face: Image, function_url: str, tmp_path: Path) -> None:
    for name in ("a/photo.png", "b/photo.png"):
        (tmp_path / name).parent.mkdir()
        Pillow.fromarray(face[..., ::-1]).resize((128, 128)).save(tmp_path / name)
    (tmp_path / "b" / "same.png").symlink_to("photo.png")
    result = invoke("image", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "3 files: 2 done, 1 skipped" in result.output, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["photo (2).png", "photo.png"]


@pytest.mark.parametrize("kept", [20, -100])
def test_a_webp_that_was_cut_is_not_taken_for_another_format(face: Image, tmp_path: Path, kept: int) -> None:
    Pillow.fromarray(face[..., ::-1]).save(tmp_path / "a.webp")
    (tmp_path / "a.webp").write_bytes((tmp_path / "a.webp").read_bytes()[:kept])
    with pytest.raises(MediaError, match=r"a\.webp: a damaged or cut image$"):
        measure(tmp_path / "a.webp")


def test_a_png_whose_pixels_were_damaged_is_not_taken_for_a_good_one(face: Image, tmp_path: Path) -> None:
    """Pillow reads on behind the damage with wrong colours: a face can be seen there and is not detected."""
    path = tmp_path / "a.png"
    for depth in (np.uint8, np.uint16):
        path.write_bytes(imagecodecs.png_encode(face.astype(depth)))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(MediaError, match=r"a\.png: a damaged or cut image: a check sum is wrong$"):
            read_image(path)


def test_damaged_bytes_are_never_an_internal_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_all(tmp_path / "in")
    chance = random.Random(7)
    sources = [path for path in sorted((tmp_path / "in").iterdir()) if path.stat().st_size < 300_000]
    named = 0
    for number in range(120):
        content = bytearray(sources[number % len(sources)].read_bytes())
        for _ in range(chance.choice([1, 5, 20])):
            content[chance.randrange(min(len(content), chance.choice([64, 400, 10**6])))] = chance.randrange(256)
        (tmp_path / "spoilt").write_bytes(content)
        try:
            if measure(tmp_path / "spoilt") < 1 << 24:
                read_image(tmp_path / "spoilt")
        except MediaError as error:
            assert str(error).startswith(f"{tmp_path / 'spoilt'}: ") and "\n" not in str(error)
            named += 1
    assert named > 20


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    size_wh = (4000, 3000)
    (tmp_path / "a.jpg").write_bytes(many_scans(2000, size_wh))
    (tmp_path / "a.tif").write_bytes(in_tiff(many_scans(2000, size_wh), size_wh))
    (tmp_path / "good.jpg").write_bytes(many_scans(20))
    (tmp_path / "good.tif").write_bytes(in_tiff(many_scans(20)))
    start = time.process_time()
    for name in ("a.jpg", "a.tif"):
        with pytest.raises(MediaError, match=f"{name}: .*JPEG of more than 100 scans"):
            read_image(tmp_path / name)
    assert time.process_time() - start < 2
    for name in ("good.jpg", "good.tif"):
        assert read_image(tmp_path / name).pages[0].size_wh == (64, 48)
