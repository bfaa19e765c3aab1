"""Which encoder writes a video stream again, and with what settings: the source's codec where FFmpeg can write it.

Codecs and encoders go by FFmpeg's names. Whether an encoder is there, and which pixel formats it takes, `video` asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from faceblur.base.options import PRESETS

# The encoders of a codec, the first that there is and that takes the pixel format losing nothing is used.
ENCODERS: dict[str, tuple[str, ...]] = {
    "h264": ("libx264", "libx264rgb"),
    "hevc": ("libx265",),
    "vp8": ("libvpx",),
    "vp9": ("libvpx-vp9",),
    "av1": ("libsvtav1", "libaom-av1"),
    "prores": ("prores_ks",),
    "dvvideo": ("dvvideo",),
    "flv1": ("flv",),
    "msmpeg4v3": ("msmpeg4",),
} | {
    name: (name,)
    for name in (
        *("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v2", "wmv1", "wmv2", "h263", "h263p", "dnxhd", "mjpeg", "ffv1"),
        *("huffyuv", "ffvhuff", "utvideo", "magicyuv", "rawvideo", "png", "qtrle", "jpeg2000", "v210", "cfhd"),
    )
}
# Where the source's codec cannot be written, or not in its pixel format: the first that takes this format in this
# container. WebM takes nothing but VP8, VP9 and AV1.
FALLBACKS = ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "libx264rgb", "ffv1")
# Encoders that want a fixed rate: they are given frame numbers, and their packets the frames' own times afterwards.
FIXED_RATE = frozenset(
    {"mpeg1video", "mpeg2video", "mpeg4", "msmpeg4", "msmpeg4v2", "wmv1", "wmv2", "flv", "h263", "h263p", "dvvideo"}
)
LOSSLESS = frozenset({"ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "rawvideo", "png", "qtrle", "v210"})
LOSSLESS_ONLY_READ = frozenset({"lagarith", "fraps", "zmbv", "flashsv", "flashsv2", "tscc", "bmp", "targa", "yuv4"})
# Encoders that write fields as fields: the others weave them into frames.
INTERLACED = frozenset({"libx264", "mpeg2video", "mpeg4", "prores_ks", "dnxhd", "dvvideo"}) | LOSSLESS
# Codecs that hold the pixels' aspect themselves, where the container's own field for it cannot be had from PyAV.
HOLD_ASPECT = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "dvvideo"})
HARDWARE = ("_nvenc", "_qsv", "_vaapi", "_videotoolbox", "_amf", "_v4l2m2m")

DEFAULT_PRESET = "veryfast"
# Constant quality where --crf does not say; measured figures are in the README.
CRF = {"libx264": 18, "libx264rgb": 18, "libx265": 18, "libvpx": 8, "libvpx-vp9": 20, "libsvtav1": 20, "libaom-av1": 20}
NVENC_CRF = 19
CRF_RANGE = dict.fromkeys(("libx264", "libx264rgb", "libx265"), (0, 51)) | {"libvpx": (4, 63), "libsvtav1": (1, 63)}
CRF_RANGE |= dict.fromkeys(("h264_nvenc", "hevc_nvenc", "av1_nvenc"), (1, 51))  # 0 would choose for itself
# Constant quantiser of the encoders that have no such setting: 2 is about the best that they do.
QSCALE = {"mjpeg": 2} | dict.fromkeys(FIXED_RATE - {"dvvideo"}, 2)
PRORES_PROFILES = {"Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq", "4444": "4444", "XQ": "4444xq"}


# The options that hand parameters to the encoder's own library.
PARAMETERS = {"libx264": "x264-params", "libx265": "x265-params", "libsvtav1": "svtav1-params"}
# x264's mbtree for AVX-512 reads memory that nobody wrote: the same frames came out with other bytes now and then.
ALWAYS = {"libx264": "cpu-independent=1", "libx265": "log-level=error"}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a video is written again. `encoder` None: the source's codec; `crf` None: what the encoder's is.

    `keep_location` keeps the tags that tell a place or a device.
    """

    encoder: str | None = None
    crf: int | None = None
    preset: str = DEFAULT_PRESET
    keep_location: bool = False


@dataclass(frozen=True, slots=True)
class Hdr:
    """HDR10 side data: mastering display as x, y of red, green, blue, white, then least and most cd/m²; light level."""

    display: tuple[float, ...] | None = None
    light: tuple[int, int] | None = None


def encoders_for(codec: str, chosen: str | None) -> tuple[str, ...]:
    """The encoders to try in order: `chosen` alone, or those of the source's codec and then the fallbacks."""
    if chosen:
        return (chosen,)
    lossless = ("ffv1",) if codec in LOSSLESS or codec in LOSSLESS_ONLY_READ else ()
    return (*ENCODERS.get(codec, ()), *lossless, *FALLBACKS)


def quality(encoder: str, encoding: Encoding, pixels_per_second: float) -> dict[str, str]:
    """The encoder's options for constant quality at a preset."""
    least, most = CRF_RANGE.get(encoder, (0, 63))
    wanted = CRF.get(encoder, NVENC_CRF) if encoding.crf is None else encoding.crf
    crf = str(max(least, min(most, wanted)))
    speed = PRESETS.index(encoding.preset)
    if encoder in ("libx264", "libx264rgb", "libx265"):
        return {"crf": crf, "preset": encoding.preset}
    if encoder in ("libvpx", "libvpx-vp9"):
        options = {"crf": crf, "deadline": "good", "cpu-used": str(max(0, min(5, 7 - speed)))}
        # VP8 has constant quality only below a rate: one that is never reached.
        return options | (
            {"b": str(round(pixels_per_second * 4) + 1_000_000)} if encoder == "libvpx" else {"row-mt": "1"}
        )
    if encoder in ("libsvtav1", "libaom-av1"):
        return {"crf": crf} | ({"preset": str(11 - speed)} if encoder == "libsvtav1" else {"cpu-used": "6"})
    if encoder.endswith("_nvenc"):
        return {"rc": "vbr", "cq": crf, "b": "0", "preset": f"p{min(7, 1 + speed)}"}
    return {"level": "3", "slicecrc": "1"} if encoder == "ffv1" else {}


def profile(encoder: str, source_profile: str | None, pix_fmt: str) -> dict[str, str]:
    """The source's profile, for codecs whose quality it decides."""
    if encoder == "prores_ks":
        found = PRORES_PROFILES.get(source_profile or "", "hq")
        is_444 = pix_fmt.startswith(("yuv444", "yuva444"))
        return {"profile": ("4444" if is_444 and not found.startswith("4444") else found), "vendor": "apl0"}
    if encoder == "dnxhd":
        name = (source_profile or "").lower().replace(" ", "_")
        hr = {"yuv422p": "dnxhr_hq", "yuv422p10le": "dnxhr_hqx"}.get(pix_fmt, "dnxhr_444")
        return {"profile": name if name.startswith("dnxhr") else hr}
    return {}


def interlaced(encoder: str, *, top_first: bool) -> dict[str, str]:
    """The options that have fields coded as fields; none for encoders that cannot."""
    if encoder not in INTERLACED or encoder in LOSSLESS:
        return {}
    return {"flags": "+ildct+ilme"} | (
        {"x264-params": "tff=1" if top_first else "bff=1"} if encoder == "libx264" else {}
    )


def hdr(encoder: str, data: Hdr) -> str:
    """HDR10 side data in the words of the encoder's own parameters; empty where it takes none."""
    display, light, parts = data.display, data.light, []
    if display and encoder in PARAMETERS:
        steps = (50000, 10000)  # H.264 and HEVC have them as whole numbers of these
        words = [
            f"{value:.5f}" if encoder == "libsvtav1" else f"{value * steps[index > 7]:.0f}"
            for index, value in enumerate(display)
        ]
        rx, ry, gx, gy, bx, by, wx, wy, least, most = words
        name = "master-display" if encoder == "libx265" else "mastering-display"
        parts.append(f"{name}=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({most},{least})")
    if light and encoder in PARAMETERS:
        name = {"libx264": "cll", "libx265": "max-cll", "libsvtav1": "content-light"}[encoder]
        parts.append(f"{name}={light[0]},{light[1]}")
    return ":".join(parts)
