"""One video stream of a source: packets go in, numbered frames of one form with rising times come out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from av.packet import Packet
from av.video.frame import VideoFrame

from faceblur.base.counted import counted
from faceblur.media.damage import DamageLog, check_marks
from faceblur.media.form_rules import FormRule, PixelAspects
from faceblur.media.frame_count import FrameCount
from faceblur.media.frame_form import FrameForm
from faceblur.media.frames import DecodedFrame
from faceblur.media.orientation import UPRIGHT, of_matrix
from faceblur.media.picture_checks import PictureCheck
from faceblur.media.pyav import (
    READ_ERRORS,
    codec_of,
    decoder_of,
    describe,
    display_matrix,
    reason,
    seconds_of,
)
from faceblur.media.sequence_headers import SequenceHeaders
from faceblur.media.timestamps import FrameTimer, frame_rate

# Decoders that hide a damaged picture unless they are told to refuse it; others mark it.
EXPLODE = "crccheck+explode"
STRICT = {
    **dict.fromkeys(("mjpeg", "mjpegb", "png", "apng", "prores", "dnxhd"), EXPLODE),
    **dict.fromkeys(("huffyuv", "ffvhuff", "utvideo", "magicyuv"), EXPLODE),
    **dict.fromkeys(("wmv1", "wmv2", "msmpeg4v2", "msmpeg4v3", "flv1", "h263"), f"{EXPLODE}+buffer"),
}


class StreamDecoder:
    """Decodes one video stream. `count` has its packets and frames; `container` is FFmpeg's name of it.

    `rule` takes every frame with its form.
    """

    def __init__(self, stream: Any, container: str, damage: DamageLog, rule: FormRule) -> None:
        codec = codec_of(stream)
        self.count, self._check = FrameCount(codec), PictureCheck(codec)
        self._stream, self._damage, self._rule = stream, damage, rule
        self._repeats_by_empty = codec == "theora"  # an empty packet: the frame before stays
        self._decoder = decoder_of(stream, in_step=rule.follows_changes)
        if codec in STRICT and not damage.is_tolerated:
            self._decoder.options = {"err_detect": STRICT[codec]}
        self._aspects = PixelAspects(self._decoder, stream.sample_aspect_ratio, by_time=rule.follows_changes)
        self._headers = SequenceHeaders(codec if rule.follows_changes else "")
        self._orientation = UPRIGHT
        self._rate = frame_rate(stream)
        self._timer = FrameTimer(container, self._rate, stream.time_base)
        self._next_number = 0

    def decode(self, packet: Any) -> Iterator[DecodedFrame]:
        """The frames that are ready after this packet; an empty one brings the last.

        Raises MediaError on damage, and MemoryError.
        """
        if self._repeats_by_empty and not packet.size and packet.dts is not None:
            return
        self.count.add_packet(packet)
        if self._check.is_damaged(packet):
            self._damage.record("damaged", "a picture is not complete or not as it was written", seconds_of(packet))
        self._timer.add_packet(packet)
        frames: list[VideoFrame] = []
        try:
            if self._headers.changes_at(packet):
                frames += self._last_frames()
            frames += self._decoder.decode(packet)
        except BlockingIOError as error:  # the system has no memory for a thread of the decoder: no damage
            raise MemoryError("a thread could not be started") from error
        except READ_ERRORS as error:
            self.count.failed += 1
            self._damage.record("damaged", reason(error), seconds_of(packet))
        self._aspects.follow(packet, bool(frames))
        for pixels in frames:
            self.count.add_frame(pixels)
            for one in self._timer.ready(pixels):
                yield self._numbered(one)
        if not packet.size:
            for one in self._timer.rest():
                yield self._numbered(one)

    def _numbered(self, pixels: VideoFrame) -> DecodedFrame:
        """The next frame, in its form and at a time after the last one's."""
        aspect = self._aspects.at(pixels.pts)
        check_marks(pixels, self._damage)
        seconds = seconds_of(pixels)
        if self._timer.put_after_the_last(pixels):
            self._damage.record("a frame's time goes back", "it is put after the one before it", seconds)
        form = FrameForm.of(pixels, aspect, self._orientation_of(pixels))
        pixels, orientation = self._rule.take(pixels, form, seconds_of(pixels) or 0.0)
        frame = DecodedFrame(self._stream.index, self._next_number, pixels, self._damage.take_first(), orientation)
        self._next_number += 1
        return frame

    @property
    def notes(self) -> list[str]:
        """What became of the frames' times, as lines of the report."""
        stream, moved = describe(self._stream), self._timer.moved
        later = f"{stream}: {counted(moved, 'frame')} with the time of the one before, put one tick later"
        by_rate = f"{stream}: its frames have no times, and get those of {float(self._rate):.6g} frames a second"
        guessed = f"{stream}: {counted(self._timer.guessed, 'frame')} without a time, put where the rate has it"
        lines = [(moved, later), (self._timer.is_by_rate, by_rate), (self._timer.guessed, guessed)]
        return [line for is_so, line in lines if is_so]

    def _last_frames(self) -> list[VideoFrame]:
        """What the decoder holds back; then it is as new."""
        end: Any = Packet()
        end.stream, end.time_base = self._stream, self._stream.time_base
        frames: list[VideoFrame] = self._decoder.decode(end)
        self._decoder.flush_buffers()
        return frames

    def _orientation_of(self, pixels: VideoFrame) -> int:
        """A matrix in the stream itself holds until the next key frame."""
        matrix = display_matrix(pixels)
        if matrix is not None or pixels.key_frame:
            self._orientation = UPRIGHT if matrix is None else of_matrix(matrix)
        return self._orientation
