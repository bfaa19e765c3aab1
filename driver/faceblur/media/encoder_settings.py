"""The options that an encoder is opened with: quality, profile, fields, reordering, HDR10."""

from __future__ import annotations

from typing import Any

from faceblur.base.options import PRESETS, Options
from faceblur.media.containers import FROM_ZERO
from faceblur.media.encoder_tables import CRF, CRF_RANGE, FIELD_ENCODERS, FIXED_RATE, NVENC_CRF
from faceblur.media.first_frames import StreamProbe
from faceblur.media.hdr import HdrMetadata, hdr_parameters
from faceblur.media.timestamps import frame_rate

PRORES_PROFILES = {"Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq", "4444": "4444", "XQ": "4444xq"}
# The options that hand parameters to the encoder's own library.
PARAMETERS = {"libx264": "x264-params", "libx265": "x265-params", "libsvtav1": "svtav1-params"}
# x264's mbtree for AVX-512 reads memory that nobody wrote: the same frames came out with other bytes now and then.
ALWAYS = {"libx264": "cpu-independent=1", "libx265": "log-level=error"}
BOTTOM_FIRST = (3, 5)  # AV_FIELD_BB and AV_FIELD_BT
MIN_FFV1_SLICED = 16  # pixels; FFmpeg divides narrower frames into no slices, and then refuses them
REORDERED_FRAMES = 4  # a stream that starts earlier than this many frames has no room for times before the first


def encoder_settings(
    encoder: str, pix_fmt: str, source: Any, probe: StreamProbe, *, muxer: str, options: Options
) -> dict[str, str]:
    """All options of an encoder for a source's video stream, in this container."""
    pixels_per_second = float(frame_rate(source)) * probe.form.width * probe.form.height
    settings = quality(encoder, options, pixels_per_second)
    settings |= profile(encoder, source.codec_context.profile, pix_fmt)
    if probe.interlaced:
        settings |= fields(encoder, top_first=source.codec_context.field_order not in BOTTOM_FIRST)
    if not _can_reorder(encoder, source, probe, muxer):
        settings["bf"] = "0"
    if encoder == "ffv1" and min(probe.form.width, probe.form.height) < MIN_FFV1_SLICED:
        settings["slices"] = "1"
    if encoder == "libx265":
        settings["a53cc"] = "1"  # closed captions: other encoders write them unless told not to
    return settings | _library_parameters(encoder, settings, probe.hdr)


def quality(encoder: str, options: Options, pixels_per_second: float) -> dict[str, str]:
    """Constant quality at a preset."""
    lowest, highest = CRF_RANGE.get(encoder, (0, 63))
    wanted = CRF.get(encoder, NVENC_CRF) if options.crf is None else options.crf
    crf = str(max(lowest, min(highest, wanted)))
    speed = PRESETS.index(options.preset)
    if encoder in ("libx264", "libx264rgb", "libx265"):
        return {"crf": crf, "preset": options.preset}
    if encoder in ("libvpx", "libvpx-vp9"):
        settings = {"crf": crf, "deadline": "good", "cpu-used": str(max(0, min(5, 7 - speed)))}
        # VP8 has constant quality only below a rate: one that is never reached.
        return settings | (
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
        name = PRORES_PROFILES.get(source_profile or "", "hq")
        is_444 = pix_fmt.startswith(("yuv444", "yuva444"))
        return {"profile": ("4444" if is_444 and not name.startswith("4444") else name), "vendor": "apl0"}
    if encoder == "dnxhd":
        name = (source_profile or "").lower().replace(" ", "_")
        hr = {"yuv422p": "dnxhr_hq", "yuv422p10le": "dnxhr_hqx"}.get(pix_fmt, "dnxhr_444")
        return {"profile": name if name.startswith("dnxhr") else hr}
    return {}


def fields(encoder: str, *, top_first: bool) -> dict[str, str]:
    """The options for interlaced coding; none for encoders that have no such options."""
    if encoder not in FIELD_ENCODERS:
        return {}
    return {"flags": "+ildct+ilme"} | (
        {"x264-params": "tff=1" if top_first else "bff=1"} if encoder == "libx264" else {}
    )


def _can_reorder(encoder: str, source: Any, probe: StreamProbe, muxer: str) -> bool:
    """Whether frames may be coded in another order than they are shown: that needs times before the first frame's."""
    if muxer == "avi" or encoder in FIXED_RATE:
        return False
    return muxer not in FROM_ZERO or probe.start_seconds >= REORDERED_FRAMES / frame_rate(source)


def _library_parameters(encoder: str, settings: dict[str, str], hdr: HdrMetadata | None) -> dict[str, str]:
    """The option for the encoder's own library: what `settings` has of it, what is always set, and HDR10."""
    if encoder not in PARAMETERS:
        return {}
    option = PARAMETERS[encoder]
    parts = [settings.get(option, ""), ALWAYS.get(encoder, ""), hdr_parameters(encoder, hdr) if hdr else ""]
    joined = ":".join(filter(None, parts))
    return {option: joined} if joined else {}
