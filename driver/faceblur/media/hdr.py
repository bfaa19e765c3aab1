"""HDR10 side data: read from a frame, and written as parameters of the encoders that take it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

# The encoders that take HDR10 side data, and the name of their parameter for the light level.
LIGHT_LEVEL = {"libx264": "cll", "libx265": "max-cll", "libsvtav1": "content-light"}
# H.264 and HEVC hold chromaticities and luminances as integers: so many steps per unit.
CHROMATICITY_STEPS, LUMINANCE_STEPS = 50000, 10000
CHROMATICITIES = 8  # of the ten values of a mastering display


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """HDR10 side data. `display` is the mastering display: x, y of red, green, blue, white, then the minimum and the
    maximum luminance in cd/m². `light` is the content's maximum and average light level in cd/m².
    """

    display: tuple[float, ...] | None = None
    light: tuple[int, int] | None = None


def read_hdr(side_data: Mapping[str, bytes]) -> HdrMetadata | None:
    """The HDR10 part of a frame's side data, by type; None where there is none."""
    display = side_data.get("MASTERING_DISPLAY_METADATA")
    light = side_data.get("CONTENT_LIGHT_LEVEL")
    values = _mastering_display(display) if display else None
    level = struct.unpack_from("=2I", light) if light else None
    return HdrMetadata(values, level) if values or level else None


def _mastering_display(content: bytes) -> tuple[float, ...] | None:
    # AVMasteringDisplayMetadata: 10 AVRationals (int numerator, int denominator), then which of them are set.
    numbers = struct.unpack_from("=22i", content)
    if not (numbers[20] and numbers[21] and all(numbers[1:20:2])):
        return None
    return tuple(numbers[index] / numbers[index + 1] for index in range(0, 20, 2))


def holds_hdr(encoder: str) -> bool:
    """Whether HDR10 side data can be handed to this encoder."""
    return encoder in LIGHT_LEVEL


def hdr_parameters(encoder: str, hdr: HdrMetadata) -> str:
    """HDR10 side data as `name=value:name=value` of the encoder's own parameters; empty where it takes none."""
    if not holds_hdr(encoder):
        return ""
    parts = []
    if hdr.display:
        words = [_display_value(encoder, index, value) for index, value in enumerate(hdr.display)]
        rx, ry, gx, gy, bx, by, wx, wy, darkest, brightest = words
        name = "master-display" if encoder == "libx265" else "mastering-display"
        parts.append(f"{name}=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({brightest},{darkest})")
    if hdr.light:
        parts.append(f"{LIGHT_LEVEL[encoder]}={hdr.light[0]},{hdr.light[1]}")
    return ":".join(parts)


def _display_value(encoder: str, index: int, value: float) -> str:
    if encoder == "libsvtav1":
        return f"{value:.5f}"
    return f"{value * (CHROMATICITY_STEPS if index < CHROMATICITIES else LUMINANCE_STEPS):.0f}"
