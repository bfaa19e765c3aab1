"""One video stream of a source: packets go in, numbered frames of one size with rising times come out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from av.video.frame import VideoFrame

from faceblur.media.damage import DamageLog, check_marks, has_later_time, has_size_of
from faceblur.media.frame_count import FrameCount
from faceblur.media.frames import DecodedFrame
from faceblur.media.pyav import READ_ERRORS, codec_of, decoder_of, frame_rate, reason, seconds_of
from faceblur.media.timestamps import FrameTimer

# Decoders that hide a damaged picture unless they are told to refuse it; others mark it.
EXPLODE = "crccheck+explode"
STRICT = {
    **dict.fromkeys(("mjpeg", "mjpegb", "png", "apng", "prores", "dnxhd"), EXPLODE),
    **dict.fromkeys(("ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv"), EXPLODE),
    **dict.fromkeys(("wmv1", "wmv2", "msmpeg4v2", "msmpeg4v3", "flv1", "h263"), f"{EXPLODE}+buffer"),
}


class StreamDecoder:
    """Decodes one video stream. `count` has its packets and frames; `container` is FFmpeg's name of it."""

    def __init__(self, stream: Any, container: str, damage: DamageLog) -> None:
        self.count = FrameCount(codec_of(stream))
        self._stream, self._damage = stream, damage
        self._decoder = decoder_of(stream)
        if (codec := codec_of(stream)) in STRICT and not damage.is_tolerated:
            self._decoder.options = {"err_detect": STRICT[codec]}
        self._timer = FrameTimer(container, frame_rate(stream), stream.time_base)
        self._next_number = 0

    def decode(self, packet: Any) -> Iterator[DecodedFrame]:
        """The frames that are ready after this packet; an empty one brings the last. Raises MediaError on damage."""
        self.count.add_packet(packet)
        self._timer.add_packet(packet)
        try:
            frames = self._decoder.decode(packet)
        except READ_ERRORS as error:
            self.count.failed += 1
            self._damage.record("damaged", reason(error), seconds_of(packet))
            return
        for pixels in frames:
            self.count.add_frame(pixels)
            if self._is_usable(pixels):
                yield DecodedFrame(self._stream.index, self._next_number, pixels, self._damage.take_first())
                self._next_number += 1

    def _is_usable(self, pixels: VideoFrame) -> bool:
        """Give a frame a time after the last one's; whether it has the stream's size."""
        timer = self._timer
        timer.set_time(pixels)
        check_marks(pixels, self._damage)
        if not has_later_time(pixels, timer.last, self._damage):
            timer.guess_time(pixels)
        if not has_size_of(pixels, self._stream, self._damage):
            return False
        timer.last = pixels.pts
        return True
