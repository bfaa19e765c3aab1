"""A frame of a video: searched upright, masked on its own planes in the pixel format of the output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceblur.base.errors import InvalidReply
from faceblur.base.options import Options
from faceblur.media.frames import DecodedFrame
from faceblur.media.orientation import is_sideways, turned_back
from faceblur.media.reader import VideoReader
from faceblur.redaction.frame import Frame
from faceblur.redaction.masking import cover_frame, mask_frame, stored_regions
from faceblur.redaction.returned_frames import gray_image, verify_redacted, verify_unchanged
from faceblur.redaction.sidecar_format import FrameLine
from faceblur.tracking.boxes import Box, Detection
from faceblur.tracking.thumbnails import copy_side, thumbnail
from faceblur_function import images, wire
from faceblur_function.defaults import JPEG_QUALITY


@dataclass(slots=True, kw_only=True, eq=False)
class VideoFrame(Frame):
    """`decoded` is the frame as the reader gave it, and from `convert` on in the output's pixel format.

    `returned` is what the function made of it, where it was asked for that; `line` is its line of a sidecar that is
    rendered. `alpha` is the alpha plane where that may show something: it is searched too.
    """

    decoded: DecodedFrame
    alpha: NDArray[np.uint8] | None = None
    returned: bytes | None = None
    line: FrameLine | None = None

    @classmethod
    def of(cls, decoded: DecodedFrame) -> VideoFrame:
        frame = cls(decoded=decoded, stream=decoded.stream, number=decoded.number, seconds=decoded.seconds)
        frame.alpha = decoded.alpha()
        frame.views = 1 if frame.alpha is None else 2
        return frame

    @property
    def pixels(self) -> int:
        return self.decoded.area

    @property
    def upright_wh(self) -> tuple[int, int]:
        return self.decoded.upright_wh

    @property
    def size_bytes(self) -> int:
        return self.decoded.size_bytes + (0 if self.alpha is None else self.alpha.nbytes)

    def encode(self) -> list[bytes]:
        shown = [self.decoded.upright(), *([] if self.alpha is None else [self.alpha])]
        self.alpha = None
        return [images.encode_image(one, "jpeg", JPEG_QUALITY) for one in shown]

    def upright(self) -> NDArray[np.uint8]:
        return self.decoded.upright()

    def make_thumbnail(self) -> None:
        small = self.decoded.thumbnail(copy_side(*self.decoded.upright_wh))
        stored_width = small.shape[0] if is_sideways(self.decoded.orientation) else small.shape[1]
        self.thumbnail = thumbnail(small, self.decoded.pixels.width / stored_width)

    def add_detections(self, faces: Sequence[Sequence[wire.Face]], returned: Sequence[bytes | None]) -> None:
        self.detections = [Detection(face.box, face.score) for view in faces for face in view]
        self.returned, self.is_searched = returned[0], True

    def convert(self, pix_fmts: Mapping[int, str]) -> None:
        self.decoded = self.decoded.in_format(pix_fmts[self.stream])

    def prepare(self, options: Options) -> int:
        """As `Frame.prepare`.

        The function's image is compared with the frame, then discarded. So the result is the same to the bit whatever
        the function sends back, and `render` can repeat it.
        """
        if self.returned is not None:
            self._verify(self.returned, self.above(options.threshold), options)
        self.returned = None
        return 0

    def _verify(self, returned: bytes, boxes: Sequence[Box], options: Options) -> None:
        """Compare the function's image with the frame. Raises InvalidReply."""
        if not boxes:
            verify_unchanged(gray_image(returned, self.thumbnail), self.thumbnail, boxes, options.padding)
            return
        try:
            redacted = images.decode_image(returned)
        except wire.WireError as error:
            raise InvalidReply(f"the function's image is {error}") from error
        masks = stored_regions(self.decoded, boxes, options.padding)
        verify_redacted(self.decoded, turned_back(redacted, self.decoded.orientation), masks, options.style)
        verify_unchanged(redacted, self.thumbnail, boxes, options.padding)

    def mask(self, boxes: Sequence[Box], *, style: str, padding: float) -> None:
        mask_frame(self.decoded, self.unspared(boxes), style=style, padding=padding)

    def mask_regions(self, boxes: Sequence[Box], *, style: str) -> None:
        cover_frame(self.decoded, boxes, style=style)


def video_frames(reader: VideoReader) -> Iterator[Any]:
    """The frames of a video, and the packets of its other streams, as they come."""
    for item in reader:
        yield VideoFrame.of(item) if isinstance(item, DecodedFrame) else item


def cover_art_frames(reader: VideoReader, options: Options) -> list[VideoFrame]:
    """The images of a video that are written before its frames.

    With regions to cover there are none: nobody knows where the regions are in another image.
    """
    if options.cover:
        reader.leave_out_cover_art("the regions to cover have no place in it")
    return [VideoFrame.of(one) for one in reader.cover_art_frames()]
