"""One video stream of an output: frames go into its encoder, and packets come out with the frames' own times."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from fractions import Fraction
from typing import Any

from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from faceblur.media.encoder_choice import EncoderChoice
from faceblur.media.encoder_tables import FIXED_RATE, LOSSLESS, QSCALE
from faceblur.media.first_frames import StreamProbe
from faceblur.media.frame_form import FrameForm
from faceblur.media.pixel_formats import planar_format
from faceblur.media.pyav import codec_tag, describe
from faceblur.media.side_data import lost_side_data, meaningful_types, without_pictures
from faceblur.media.timestamps import fixed_rate, frame_rate


class StreamEncoder:
    """Encodes one video stream of an output that was made of `source`.

    `work_format` is the planar pixel format in which its frames are redacted and given to `encode`; `frames` counts
    them. `settings` are the encoder's options (`encoder_settings`). `stream` is PyAV's output stream.
    """

    def __init__(
        self,
        container: OutputContainer,
        source: Any,
        probe: StreamProbe,
        choice: EncoderChoice,
        settings: dict[str, str],
        muxer: str,
    ) -> None:
        self.encoder, self.codec = choice.encoder, choice.codec
        self.work_format = planar_format(choice.pix_fmt)
        self.frames = 0
        self._side_data: set[str] = set()  # types that its frames have
        self._has_woven_fields = False
        self._keeps_fields = probe.interlaced or choice.encoder in LOSSLESS
        self._description = describe(source)
        rate = frame_rate(source)
        # The times and durations of frames in an encoder that knows only a fixed rate.
        self._times: deque[tuple[int, int]] | None = None
        if self.encoder in FIXED_RATE:
            self._times, rate = deque(), fixed_rate(rate, self.encoder)
        self.stream: Any = container.add_stream(self.encoder, rate=rate, options=settings)
        self._set_up_context(source, probe.form, choice.pix_fmt, rate)
        self._set_colours(source, probe.form, choice.pix_fmt)
        if self.encoder in QSCALE:
            context = self.stream.codec_context
            context.qscale, context.global_quality = True, QSCALE[self.encoder]
        self._set_up_stream(source, probe, muxer)

    def _set_up_context(self, source: Any, form: FrameForm, pix_fmt: str, rate: Fraction) -> None:
        """Size, times and aspect as the source's."""
        context = self.stream.codec_context
        context.width, context.height = form.width, form.height
        context.pix_fmt = pix_fmt
        context.time_base = 1 / rate if self._times is not None else source.time_base
        if form.aspect:
            context.sample_aspect_ratio = form.aspect
        context.flags |= Flags.frame_duration
        context.thread_type = "AUTO"

    def _set_colours(self, source: Any, form: FrameForm, pix_fmt: str) -> None:
        """The source's colour tags and field order; the full range where the pixel format means it."""
        context = self.stream.codec_context
        for tag in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(context, tag, getattr(form, tag))
        context.field_order = source.codec_context.field_order
        if pix_fmt.startswith("gray") or (form.pix_fmt.startswith("yuvj") and not pix_fmt.startswith("yuvj")):
            context.color_range = ColorRange.JPEG  # gray has all values unless it says otherwise

    def _set_up_stream(self, source: Any, probe: StreamProbe, muxer: str) -> None:
        """What the container says of the stream: unit of time, disposition, HEVC's tag, identity, rotation."""
        if self.codec == "hevc" and muxer in ("mp4", "mov"):
            self.stream.codec_context.codec_tag = "hev1" if codec_tag(source) == "hev1" else "hvc1"
        self.stream.time_base = source.time_base
        self.stream.disposition = source.disposition
        if muxer == "mpegts":
            self.stream.id = source.id
        if probe.matrix:
            self.stream.set_display_matrix(probe.matrix)

    def left_out(self, kept: Collection[str]) -> list[str]:
        """The line that reports what its frames lost: side data but for types in `kept`, and unexpected fields."""
        lost = lost_side_data(self._side_data - set(kept), self.encoder)
        lost += ["interlaced fields of later frames, woven into frames"] * self._has_woven_fields
        return [f"{self._description}: {', '.join(lost)}"] if lost else []

    def encode(self, pixels: VideoFrame | None) -> list[Packet[Any]]:
        """The packets that are ready once this frame is in the encoder; None: the last ones."""
        if pixels is not None:
            self._side_data.update(meaningful_types(pixels, is_first=self.frames == 0))
            self._has_woven_fields |= pixels.interlaced_frame and not self._keeps_fields
            pixels = without_pictures(pixels)
            pixels.pict_type = 0  # else the encoder repeats the source's choice of key frames
            if self._times is not None:
                assert pixels.pts is not None and pixels.time_base is not None
                self._times.append((pixels.pts, pixels.duration))
                self._time_base = pixels.time_base
                pixels.pts, pixels.time_base = self.frames, self.stream.codec_context.time_base
            self.frames += 1
        packets: list[Packet[Any]] = self.stream.encode(pixels)
        if self._times is not None:
            for packet in packets:
                packet.time_base = self._time_base
                packet.pts, packet.duration = self._times.popleft()
                packet.dts = packet.pts
        return packets
