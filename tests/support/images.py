"""Image files of every kind with one face on each page, and reading them back."""

from __future__ import annotations

from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import tifffile
from click.testing import CliRunner, Result
from PIL import Image as Pillow
from PIL import ImageCms, ImageSequence

from examples.sample_clip import Image, astronaut, pan
from faceblur.cli.app import main

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DURATIONS = [40, 80, 120, 40, 60, 200]
ALPHA = np.tile(np.arange(320) * 255 // 319, (240, 1)).astype(np.uint8)  # a ramp: no image of its own
LOSSY = ("rgb.jpg", "coarse.jpg", "gray.jpg", "cmyk.jpg", "lossy.webp")
LOSSLESS = (
    *("rgb.png", "palette.png", "alpha.png", "gray-alpha.png", "rgba16.png", "lossless.webp"),
    *("moving.gif", "moving.png", "moving.webp"),
    *("deep.tif", "gray-deep.tif", "cmyk.tif", "alpha.tif", "planes.tif", "white.tif", "pages.tif"),
)
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


def bgr(pixels: np.ndarray) -> Image:
    """What a page shows, roughly, as 8 bit BGR without its alpha."""
    if pixels.ndim == 3 and pixels.shape[0] in (3, 4):
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    if pixels.ndim == 2 or pixels.shape[2] == 2:
        return cv2.cvtColor(np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 0]), cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(pixels[..., 2::-1])
