"""How many frames the packets of a video stream must give, and how many came of them."""

from __future__ import annotations

from typing import Any

# Codecs of which every packet gives a frame, but for those that `_is_hidden` knows: one that gives none is damaged.
# Others may repeat a frame, or show one later.
FRAME_EACH = {
    "h264",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "vp8",
    "mjpeg",
    "mjpegb",
    "prores",
    "dnxhd",
    "ffv1",
    "png",
} | {*("huffyuv", "ffvhuff", "utvideo", "magicyuv", "rawvideo", "v210", "dvvideo", "jpeg2000", "cfhd", "flv1", "h263")}
# The longest packet of MPEG-4 that stands for a frame that is left out: FFmpeg's MAX_NVOP_SIZE.
MPEG4_PLACEHOLDER = 19
VP8_SHOWN = 0x10  # of a frame's first byte


class FrameCount:
    """Counts the packets of one stream that are not empty, and what becomes of them.

    `outside` were read for others only and are not shown (an edit list hides them), `hidden` hold no frame to show,
    `failed` were not decoded, `early` are shown before the first frame that was decoded: they need what comes before
    the file's beginning.
    """

    def __init__(self, codec: str) -> None:
        self.packets = self.outside = self.hidden = self.failed = self.frames = self.early = 0
        self.has_fields = self.has_times = False
        self._codec = codec
        self._first_times: list[int] = []  # of the packets before the first frame came

    @property
    def must_be_exact(self) -> bool:
        """Whether a packet without a frame is damage."""
        # A field may be a packet of its own. Without times it is not known which were early.
        return self._codec in FRAME_EACH and self.has_times and not self.has_fields

    @property
    def without_frame(self) -> int:
        """How many packets gave no frame though they should."""
        missing = self.packets - self.outside - self.hidden - self.failed - self.early - self.frames
        return 0 if self.has_fields and missing == self.frames else max(0, missing)

    def add_packet(self, packet: Any) -> None:
        """Count a packet before it is decoded."""
        if not packet.size:
            return
        self.packets += 1
        self.outside += packet.is_discard
        self.hidden += not packet.is_discard and self._is_hidden(packet)
        if not self.frames and packet.pts is not None and not packet.is_discard:
            self._first_times.append(packet.pts)

    def add_frame(self, frame: Any) -> None:
        """Count a frame as the decoder gives it."""
        if not self.frames and frame.pts is not None:
            self.has_times = True
            self.early = sum(time < frame.pts for time in self._first_times)
        self._first_times.clear()
        self.frames += 1
        self.has_fields = self.has_fields or bool(frame.interlaced_frame)

    def _is_hidden(self, packet: Any) -> bool:
        if self._codec == "vp8":
            return not memoryview(packet)[0] & VP8_SHOWN
        return self._codec == "mpeg4" and packet.size <= MPEG4_PLACEHOLDER
