"""FFmpeg's pixel formats: what each of them keeps, what a change from one to another loses, which ones are planar."""

from __future__ import annotations

import av


def loss(source: str, other: str) -> tuple[int, int, int, int, int]:
    """What a change of pixel format costs: bits, chroma, alpha, another kind of colour, and needless size.

    The first four are 0 where nothing is lost. Tuples compare: the smaller one loses less.
    """
    kinds = [_colour_kind(name) for name in (source, other)]
    less_chroma = [one - two for one, two in zip(_chroma_wh(source), _chroma_wh(other), strict=True)]
    bits, alpha = depth(source) - depth(other), has_alpha(source) - has_alpha(other)
    return (
        max(0, bits),
        sum(max(0, one) for one in less_chroma),
        max(0, alpha),
        int(kinds[0] != kinds[1] and kinds[0] != "gray"),
        abs(bits) + sum(map(abs, less_chroma)) + abs(alpha),
    )


def depth(name: str) -> int:
    """Bits per sample."""
    return 8 if av.VideoFormat(name).has_palette else max(one.bits for one in av.VideoFormat(name).components)


def has_alpha(name: str) -> bool:
    """Whether the format holds transparency."""
    pixel_format = av.VideoFormat(name)
    return pixel_format.has_palette or any(component.is_alpha for component in pixel_format.components)


def has_full_chroma(name: str) -> bool:
    """Whether chroma is not subsampled."""
    return _chroma_wh(name) == (64, 64)


def is_encodable(name: str) -> bool:
    """Whether frames can be converted to this format from a planar one: no hardware, float or mosaic format."""
    pixel_format = av.VideoFormat(name)
    special = pixel_format.is_bayer or pixel_format.has_palette or "f16" in name or "f32" in name or "msb" in name
    return bool(pixel_format.components) and depth(name) >= 8 and not special


def is_planar(name: str) -> bool:
    """Whether every component has a plane of its own, of 8 to 16 bits in this machine's byte order."""
    pixel_format = av.VideoFormat(name)
    planes = [component.plane for component in pixel_format.components]
    depths = [component.bits for component in pixel_format.components]
    special = pixel_format.has_palette or pixel_format.is_big_endian or pixel_format.is_bayer
    return len(set(planes)) == len(planes) and all(8 <= bits <= 16 for bits in depths) and not special


def planar_format(name: str) -> str:
    """The format that a frame is redacted in: this one if it is planar, else the planar one that loses least."""
    return name if is_planar(name) else min(PLANAR, key=lambda other: loss(name, other))


def _colour_kind(name: str) -> str:
    if _is_gray(name):
        return "gray"
    pixel_format = av.VideoFormat(name)
    return "rgb" if pixel_format.is_rgb or pixel_format.has_palette else "yuv"


def _is_gray(name: str) -> bool:
    return name.startswith(("gray", "ya8", "ya16", "mono"))


def _chroma_wh(name: str) -> tuple[int, int]:
    """The size of the chroma planes of a frame of 64x64."""
    pixel_format = av.VideoFormat(name)
    return (0, 0) if _is_gray(name) else (pixel_format.chroma_width(64), pixel_format.chroma_height(64))


# Those that FFV1 and FFVHuff take, which is nearly every one that there is.
PLANAR = sorted({one.name for name in ("ffv1", "ffvhuff") for one in av.Codec(name, "w").video_formats or []})
PLANAR = [name for name in PLANAR if is_planar(name) and "f16" not in name and "f32" not in name]
