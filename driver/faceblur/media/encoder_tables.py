"""FFmpeg's video encoders as tables: which ones write a codec, and what each of them can and cannot do.

Codecs and encoders go by FFmpeg's names. Whether an encoder is in this build, `encoder_choice` asks FFmpeg.
"""

from __future__ import annotations

# The encoders of each codec, in the order in which they are tried.
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
FALLBACK_CODEC = "h264"
# Encoders that need a fixed rate: they get frame numbers, and their packets get the frames' own times afterwards.
FIXED_RATE = frozenset(
    {"mpeg1video", "mpeg2video", "mpeg4", "msmpeg4", "msmpeg4v2", "wmv1", "wmv2", "flv", "h263", "h263p", "dvvideo"}
)
LOSSLESS = frozenset({"ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "rawvideo", "png", "qtrle", "v210"})
# Lossless codecs that FFmpeg decodes but does not encode.
LOSSLESS_READ_ONLY = frozenset({"lagarith", "fraps", "zmbv", "flashsv", "flashsv2", "tscc", "bmp", "targa", "yuv4"})
# Encoders with options to code fields as fields. Lossless ones keep fields without options; all others weave them.
FIELD_ENCODERS = frozenset({"libx264", "mpeg2video", "mpeg4", "prores_ks", "dnxhd", "dvvideo"})
# Codecs that hold the pixels' aspect themselves, where PyAV cannot set the container's own field for it.
HOLD_ASPECT = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "dvvideo"})
# Encoders that take odd sides without subsampled chroma only; those in hardware do so too.
EVEN_SIDES = frozenset({"libx264", "libx265", "libsvtav1", "libaom-av1"})
HARDWARE = ("_nvenc", "_qsv", "_vaapi", "_videotoolbox", "_amf", "_v4l2m2m")  # ends of names
# Their alpha goes beside the frames, and the muxer marks it itself.
ALPHA_BESIDE = ("libvpx", "libvpx-vp9")
# Constant quality where --crf does not say; measured figures are in docs/formats.md.
CRF = {"libx264": 18, "libx264rgb": 18, "libx265": 18, "libvpx": 8, "libvpx-vp9": 20, "libsvtav1": 20, "libaom-av1": 20}
NVENC_CRF = 19
CRF_RANGE = dict.fromkeys(("libx264", "libx264rgb", "libx265"), (0, 51)) | {"libvpx": (4, 63), "libsvtav1": (1, 63)}
CRF_RANGE |= dict.fromkeys(("h264_nvenc", "hevc_nvenc", "av1_nvenc"), (1, 51))  # 0 would choose for itself
# Constant quantiser of the encoders that have no constant quality: 2 is about the best that they do.
QSCALE = {"mjpeg": 2} | dict.fromkeys(FIXED_RATE - {"dvvideo"}, 2)


def encoders_for(codec: str, chosen: str | None) -> tuple[str, ...]:
    """The encoders to try in order: `chosen` alone, or those of the source's codec and then the fallbacks."""
    if chosen:
        return (chosen,)
    lossless = ("ffv1",) if codec in LOSSLESS or codec in LOSSLESS_READ_ONLY else ()
    return (*ENCODERS.get(codec, ()), *lossless, *FALLBACKS)


def written_codec(codec: str) -> str:
    """The codec that video of this codec is written in: its own where FFmpeg encodes it, else H.264."""
    return codec if codec in ENCODERS else FALLBACK_CODEC
