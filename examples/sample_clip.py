"""Makes a short clip with a real, moving face and a tone: a camera that pans over scikit-image's `astronaut`.

`python examples/sample_clip.py sample/astronaut.mp4` writes it. The tests make their clips with the same functions.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

Image = NDArray[np.uint8]
SAMPLE_RATE = 48000


def astronaut() -> Image:
    """The photograph of Eileen Collins (NASA, public domain), `(512, 512, 3) uint8 BGR`."""
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


def pan(image: Image, size_wh: tuple[int, int], frames: int) -> Iterator[Image]:
    """A camera of `size_wh` pixels that swings over the image and zooms: its face moves and changes size."""
    width, height = size_wh
    for index in range(frames):
        phase = 2 * math.pi * index / max(frames, 1)
        view = min(image.shape[1] / width, image.shape[0] / height) * (0.8 + 0.15 * math.cos(phase))
        left = (image.shape[1] - view * width) * (0.5 + 0.3 * math.sin(phase))
        top = (image.shape[0] - view * height) * (0.12 + 0.12 * math.sin(2 * phase))
        matrix = np.array([[1 / view, 0, -left / view], [0, 1 / view, -top / view]])
        yield cv2.warpAffine(image, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def write_clip(
    path: Path,
    images: Iterable[Image],
    *,
    rate: Fraction = Fraction(25),
    pts: Iterable[int] | None = None,
    time_base: Fraction | None = None,
    video_codec: str = "libx264",
    audio_codec: str | None = "aac",
    pix_fmt: str = "yuv420p",
    rotation: int = 0,
) -> Path:
    """Write images `(H, W, 3) uint8 BGR` as a video with a 440 Hz tone. `pts` in `time_base` replaces the rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time_base = time_base or 1 / rate
    stamps = iter(pts) if pts is not None else None
    with av.open(str(path), "w") as container:
        video = container.add_stream(video_codec, rate=rate, options={"crf": "18", "preset": "veryfast"})
        video.pix_fmt = pix_fmt
        video.codec_context.time_base = time_base
        audio = container.add_stream(audio_codec, rate=SAMPLE_RATE) if audio_codec else None
        if rotation:
            video.set_display_rotation(rotation)
        seconds, sample = 0.0, 0
        for index, image in enumerate(images):
            if index == 0:
                video.height, video.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.pts, frame.time_base = (next(stamps) if stamps is not None else index), time_base
            container.mux(video.encode(frame))
            seconds = float((frame.pts + 1) * time_base)
            while audio is not None and sample / SAMPLE_RATE < seconds:
                container.mux(audio.encode(_tone(sample)))
                sample += 1024
        container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))
    return path


def _tone(first_sample: int) -> av.AudioFrame:
    samples = np.arange(first_sample, first_sample + 1024)
    wave = 0.2 * np.sin(2 * math.pi * 440 * samples / SAMPLE_RATE)
    frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, first_sample, Fraction(1, SAMPLE_RATE)
    return frame


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write_clip(target, pan(astronaut(), (640, 480), 100))
    print(f"{target}: 4 seconds, 640x480, one face")
