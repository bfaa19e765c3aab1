"""Still images: regions are covered, everything else stays as it was, and what cannot be kept is named or an error."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, ImageSequence, PngImagePlugin

from examples.sample_clip import Image, astronaut, pan
from faceblur.base.errors import MediaError
from faceblur.cli.app import main
from faceblur.media.images.files import measure, read_still
from faceblur.media.images.page import turned
from faceblur_function.detectors.detector import Detector
from tests.conftest import detail_left
from tests.support import clips as media

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DURATIONS = [40, 80, 120, 40, 60, 200]
ALPHA = np.tile(np.arange(320) * 255 // 319, (240, 1)).astype(np.uint8)  # a ramp: no picture of its own
Arrays = list[np.ndarray]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def read(path: Path) -> Arrays:
    """Every page as it is stored, by another library than the driver takes where there is one."""
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            return [page.asarray() for page in file.pages]
    if "16" in path.name:
        return [cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)]
    with Pillow.open(path) as image:
        return [
            np.array(frame.convert("RGBA") if getattr(image, "is_animated", False) else frame)
            for frame in ImageSequence.Iterator(image)
        ]


def write_all(folder: Path) -> None:
    """Small files of every kind with one face on each page."""
    frames = [np.ascontiguousarray(one[..., ::-1]) for one in pan(astronaut(), (320, 240), 48)][:6]
    rgb = frames[0]
    deep = rgb.astype(np.uint16) * 257 + np.random.default_rng(1).integers(0, 9, rgb.shape, np.uint16) // 2
    deep = np.where(rgb == 255, 65535, deep)
    image = Pillow.fromarray(rgb)
    cmyk = np.array(image.convert("CMYK"))
    image.save(folder / "rgb.jpg", quality=90, icc_profile=PROFILE, dpi=(300, 300))
    image.save(folder / "coarse.jpg", quality=60, subsampling=2, progressive=True)
    image.convert("L").save(folder / "gray.jpg", quality=90)
    image.convert("CMYK").save(folder / "cmyk.jpg", quality=90)
    image.save(folder / "rgb.png", icc_profile=PROFILE, dpi=(300, 300))
    image.quantize(64).save(folder / "palette.png")
    Pillow.fromarray(np.dstack([rgb, ALPHA])).save(folder / "alpha.png")
    Pillow.fromarray(np.dstack([cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), ALPHA]), "LA").save(folder / "gray-alpha.png")
    (folder / "rgba16.png").write_bytes(imagecodecs.png_encode(np.dstack([deep, ALPHA.astype(np.uint16) * 257])))
    image.save(folder / "lossless.webp", lossless=True, icc_profile=PROFILE)
    image.save(folder / "lossy.webp", quality=90)
    for name, options in (("moving.gif", {}), ("moving.png", {}), ("moving.webp", {"lossless": True})):
        first, *rest = map(Pillow.fromarray, frames)
        first.save(folder / name, save_all=True, append_images=rest, duration=DURATIONS, loop=3, **options)
    tags = {"resolution": (300, 200), "resolutionunit": "INCH", "iccprofile": PROFILE}
    tifffile.imwrite(folder / "deep.tif", deep, compression="lzw", predictor=True, **tags)
    tifffile.imwrite(folder / "gray-deep.tif", deep[..., 1], compression="zlib", **tags)
    tifffile.imwrite(folder / "cmyk.tif", cmyk, photometric="separated", **tags)
    tifffile.imwrite(folder / "alpha.tif", np.dstack([rgb, ALPHA]), photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(folder / "planes.tif", np.moveaxis(deep, -1, 0), photometric="rgb", planarconfig="separate")
    tifffile.imwrite(folder / "white.tif", 255 - rgb[..., 1], photometric="miniswhite")
    with tifffile.TiffWriter(folder / "pages.tif") as writer:
        for frame in frames:
            writer.write(frame, photometric="rgb")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, function_url: str) -> tuple[Path, Path, Result]:
    """The sources, the outputs, and what one run over all of them said."""
    folder = tmp_path_factory.mktemp("stills")
    (folder / "in").mkdir()
    write_all(folder / "in")
    result = invoke("image", folder / "in", "-o", folder / "out", "--function", function_url)
    return folder / "in", folder / "out", result


LOSSY = ("rgb.jpg", "coarse.jpg", "gray.jpg", "cmyk.jpg", "lossy.webp")
LOSSLESS = (
    *("rgb.png", "palette.png", "alpha.png", "gray-alpha.png", "rgba16.png", "lossless.webp"),
    *("moving.gif", "moving.png", "moving.webp"),
    *("deep.tif", "gray-deep.tif", "cmyk.tif", "alpha.tif", "planes.tif", "white.tif", "pages.tif"),
)


def bgr(pixels: np.ndarray) -> Image:
    """What a page shows, roughly, as 8 bit BGR without its alpha."""
    if pixels.ndim == 3 and pixels.shape[0] in (3, 4):
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    if pixels.ndim == 2 or pixels.shape[2] == 2:
        return cv2.cvtColor(np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 0]), cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(pixels[..., 2::-1])


@pytest.mark.parametrize("name", [*LOSSY, *LOSSLESS])
def test_faces_are_gone_and_the_rest_unchanged(name: str, done: tuple[Path, Path, Result], detector: Detector) -> None:
    source, out, result = done
    assert result.exit_code == 0, result.output
    before, after = read(source / name), read(out / name)
    frames = [one[..., ::-1] for one in read(source / "moving.png")] if len(before) > 1 else []
    assert len(before) == len(after) == (6 if "moving" in name or name == "pages.tif" else 1)
    for index, (was, now) in enumerate(zip(before, after, strict=True)):
        if name == "palette.png":
            was = np.array(Pillow.open(source / name).convert("RGB"))
        assert was.shape == now.shape and was.dtype == now.dtype
        looked = np.ascontiguousarray(frames[index][..., 1:]) if frames else bgr(read(source / "rgb.png")[0])
        box = detector.detect([looked], threshold=0.5)[0].xyxy[0]
        x1, y1, x2, y2 = box.astype(int)
        assert detail_left(bgr(was)[y1:y2, x1:x2], bgr(now)[y1:y2, x1:x2]) < 0.25
        if was.ndim == 3 and was.shape[0] in (3, 4):
            was, now = np.moveaxis(was, 0, -1), np.moveaxis(now, 0, -1)
        change = media.outside((was, now), [box], 0.45)
        assert change.max() == 0 if name in LOSSLESS else change.mean() < 2
        if "alpha" in name or name == "rgba16.png":
            assert np.array_equal(was[..., -1], now[..., -1])


def test_detail_is_there_before(done: tuple[Path, Path, Result], detector: Detector) -> None:
    """The measure above tells covered from clear."""
    clear = bgr(read(done[0] / "rgb.png")[0])
    x1, y1, x2, y2 = detector.detect([clear], threshold=0.5)[0].xyxy[0].astype(int)
    again = bgr(read(done[0] / "coarse.jpg")[0])
    assert detail_left(clear[y1:y2, x1:x2], again[y1:y2, x1:x2]) > 0.9


@pytest.mark.parametrize("name", ["moving.gif", "moving.png", "moving.webp"])
def test_animations_keep_their_pace(name: str, done: tuple[Path, Path, Result]) -> None:
    with Pillow.open(done[1] / name) as image:
        assert image.info["loop"] == 3
        durations = []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            durations.append(frame.info["duration"])
    assert durations == DURATIONS


def test_profiles_resolution_and_quality_stay(done: tuple[Path, Path, Result]) -> None:
    source, out, _ = done
    for name in ("rgb.jpg", "rgb.png", "lossless.webp"):
        with Pillow.open(out / name) as image:
            assert image.info["icc_profile"] == PROFILE
            if name != "lossless.webp":
                assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    for name in ("rgb.jpg", "coarse.jpg", "gray.jpg"):
        with Pillow.open(source / name) as before, Pillow.open(out / name) as after:
            for was, now in zip(before.layer, after.layer, strict=True):
                assert before.quantization[was[3]] == after.quantization[now[3]]
                assert was[1:3] == now[1:3]
            assert before.info.get("progressive") == after.info.get("progressive")
    for name in ("deep.tif", "cmyk.tif"):
        with tifffile.TiffFile(source / name) as before, tifffile.TiffFile(out / name) as after:
            page = after.pages[0]
            assert page.iccprofile == PROFILE and page.tags["XResolution"].value == (300, 1)
            assert page.compression == before.pages[0].compression


def tagged() -> Pillow.Exif:
    """EXIF that says how the picture lies, where it was taken and with what."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    exif[0x0110] = "a model"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0)}
    return exif


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_upright_and_nothing_that_tells_the_place_or_shows_the_face(
    face: Image, function_url: str, tmp_path: Path, suffix: str, detector: Detector
) -> None:
    """A lying picture whose metadata holds a place and a small copy of itself."""
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
    assert result.exit_code == 0 and "1 frames, 1 faces" in result.output, result.output
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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_what_a_viewer_shows(orientation: int) -> None:
    stored = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    image = Pillow.fromarray(stored)
    image.getexif()[0x0112] = orientation
    assert np.array_equal(turned(stored, orientation), np.array(ImageOps.exif_transpose(image)))


def test_second_picture_of_an_mpo_is_left_out_and_named(face: Image, function_url: str, tmp_path: Path) -> None:
    first = Pillow.fromarray(face[..., ::-1])
    first.save(tmp_path / "two.jpg", "MPO", save_all=True, append_images=[first.rotate(1)])
    result = invoke("image", tmp_path / "two.jpg", "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "further picture" in " ".join(result.output.split())
    with Pillow.open(tmp_path / "out" / "two.jpg") as image:
        assert image.format == "JPEG" and getattr(image, "n_frames", 1) == 1


def test_face_in_the_alpha_and_in_what_is_transparent(face: Image, function_url: str, tmp_path: Path) -> None:
    """A cut-out whose alpha is the picture, and a picture that is there though nobody sees it."""
    gray = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    Pillow.fromarray(np.dstack([np.zeros_like(face), gray])).save(tmp_path / "stencil.png")
    Pillow.fromarray(np.dstack([face[..., ::-1], np.zeros_like(gray)])).save(tmp_path / "hidden.png")
    dark = (face[..., ::-1].astype(np.uint16) * 16) // 2  # 11 bits of 16: black on a screen
    (tmp_path / "dark16.png").write_bytes(imagecodecs.png_encode(dark))
    result = invoke("image", tmp_path, "-o", tmp_path.parent / "masks-out", "--function", function_url)
    assert result.exit_code == 0 and "3 frames, 3 faces" in result.output, result.output
    out = tmp_path.parent / "masks-out"
    stencil, hidden, bright = (read(out / name)[0] for name in ("stencil.png", "hidden.png", "dark16.png"))
    face_at = (slice(80, 180), slice(180, 270))
    assert detail_left(cv2.cvtColor(gray[face_at], cv2.COLOR_GRAY2BGR), bgr(stencil[..., 3])[face_at]) < 0.25
    assert detail_left(face[face_at], bgr(hidden)[face_at]) < 0.25
    assert detail_left(face[face_at], (bright[..., 2::-1] >> 3).astype(np.uint8)[face_at]) < 0.25


def test_face_that_is_missed_in_a_frame_is_covered(
    face: Image, function_url: str, detector: Detector, tmp_path: Path
) -> None:
    frames = [np.ascontiguousarray(one) for one in pan(face, (320, 240), 48)][:6]
    x1, y1, x2, y2 = detector.detect([frames[3]], threshold=0.5)[0].xyxy[0].astype(int)
    frames[3][y1 + (y2 - y1) // 3 : y2, x1:x2] = 90  # a hand before the mouth: not found, and still known
    assert len(detector.detect([frames[3]], threshold=0.3)[0]) == 0
    first, *rest = [Pillow.fromarray(frame[..., ::-1].copy()) for frame in frames]
    first.save(tmp_path / "hand.webp", save_all=True, append_images=rest, duration=40, lossless=True)
    result = invoke("image", tmp_path / "hand.webp", "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "6 frames, 6 faces" in result.output, result.output
    after = read(tmp_path / "out" / "hand.webp")[3]
    assert detail_left(frames[3][y1:y2, x1:x2], bgr(after)[y1:y2, x1:x2]) < 0.25


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
        assert "defect" not in line, line
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.jpg"]
    assert "1 other file left alone: note.txt" in result.output
    again = invoke("image", source / "good.jpg", "-o", tmp_path / "out", "--function", function_url)
    assert again.exit_code == 0 and "1 skipped" in again.output


def test_two_pictures_with_one_name(face: Image, function_url: str, tmp_path: Path) -> None:
    for name in ("a/photo.png", "b/photo.png"):
        (tmp_path / name).parent.mkdir()
        Pillow.fromarray(face[..., ::-1]).resize((128, 128)).save(tmp_path / name)
    (tmp_path / "b" / "same.png").symlink_to("photo.png")
    result = invoke("image", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "3 files: 2 done, 1 skipped" in result.output, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["photo (2).png", "photo.png"]


def test_default_image_of_an_animation_keeps_its_part(face: Image, tmp_path: Path) -> None:
    """It is shown by what knows no animated PNG, and is redacted as the frames are."""
    first, *rest = [Pillow.fromarray(one[..., ::-1].copy()) for one in list(pan(face, (64, 48), 48))[:4]]
    path = tmp_path / "default.png"
    first.save(path, save_all=True, append_images=rest, default_image=True, duration=[40, 80, 120], loop=0)
    still = read_still(path)
    (tmp_path / "again.png").write_bytes(still.encode(still.pages))
    durations = []
    with Pillow.open(tmp_path / "again.png") as image:
        assert image.info["default_image"]
        for frame in ImageSequence.Iterator(image):
            frame.load()
            durations.append(frame.info.get("duration"))
    assert durations == [None, 40, 80, 120] and len(still.pages) == 4


@pytest.mark.parametrize("factor", [256, 257, 255])
def test_palette_of_a_tiff_is_read_to_the_bit(factor: int, tmp_path: Path) -> None:
    """Of 16 bits a colour, where programs put 8 in the upper half, in both, or take all."""
    palette = np.random.default_rng(2).integers(0, 256, (3, 256)).astype(np.uint16) * factor
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tifffile.imwrite(tmp_path / "palette.tif", indices, photometric="palette", colormap=palette)
    still = read_still(tmp_path / "palette.tif")
    (tmp_path / "again.tif").write_bytes(still.encode(still.pages))
    again = tifffile.imread(tmp_path / "again.tif").astype(np.uint16)
    assert np.array_equal(again * (factor if factor > 255 else 1), palette[:, indices].transpose(1, 2, 0))


@pytest.mark.parametrize("size", [(512, 400), (511, 397)])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_jpeg_that_is_turned_loses_next_to_nothing(
    face: Image, tmp_path: Path, orientation: int, size: tuple[int, int]
) -> None:
    """Turned by 90 degrees its blocks of 8x8 pixels may end up between those of the new file."""
    truth = Pillow.fromarray(face[..., ::-1].copy()).resize(size)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    truth.save(tmp_path / "in.jpg", quality=85, exif=exif)
    still = read_still(tmp_path / "in.jpg")
    before = still.pages[0].colours.astype(float)
    after = np.array(Pillow.open(io.BytesIO(still.encode(still.pages)))).astype(float)
    original = turned(np.array(truth), orientation).astype(float)

    def psnr(a: np.ndarray, b: np.ndarray) -> float:
        return float(20 * np.log10(255) - 10 * np.log10(((a - b) ** 2).mean()))

    assert psnr(before, after) > (42 if orientation != 1 and size[0] % 16 else 50)
    assert psnr(after, original) > psnr(before, original) - 0.8


def test_damaged_bytes_are_never_a_defect(done: tuple[Path, Path, Result], tmp_path: Path) -> None:
    chance = random.Random(7)
    sources = [path for path in sorted(done[0].iterdir()) if path.stat().st_size < 300_000]
    named = 0
    for number in range(120):
        content = bytearray(sources[number % len(sources)].read_bytes())
        for _ in range(chance.choice([1, 5, 20])):
            content[chance.randrange(min(len(content), chance.choice([64, 400, 10**6])))] = chance.randrange(256)
        (tmp_path / "spoilt").write_bytes(content)
        try:
            if measure(tmp_path / "spoilt") < 1 << 24:
                read_still(tmp_path / "spoilt")
        except MediaError as error:
            assert str(error).startswith(f"{tmp_path / 'spoilt'}: ") and "\n" not in str(error)
            named += 1
    assert named > 20
