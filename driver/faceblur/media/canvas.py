"""The one form that the frames of a stream get whose form changes: the largest; others are scaled, with bars around.

Everything after the reader sees the frames in this form only: search, masks, sidecar, output, `render` and audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation

from faceblur.media.frame_form import FrameForm
from faceblur.media.orientation import UPRIGHT, is_sideways, turned
from faceblur.media.pixel_formats import PLANAR, has_full_chroma, loss, planar_format
from faceblur.media.planes import planes

MAX_NAMED = 3  # changes; the rest is counted


@dataclass(frozen=True, slots=True)
class Canvas:
    """The form of all frames of a stream; `note` says what changes, for the report, None: nothing.

    `form.pix_fmt` is planar. Where the orientation changes, the frames are turned upright.
    """

    form: FrameForm
    note: str | None
    follows_changes: ClassVar[bool] = True

    def take(self, pixels: VideoFrame, form: FrameForm, seconds: float) -> tuple[VideoFrame, int]:
        """A frame in the form of the canvas, with its own time and side data, and its orientation."""
        if form.changes(self.form):
            return self._fitted(pixels, form), self.form.orientation
        return pixels, self.form.orientation

    def _fitted(self, pixels: VideoFrame, form: FrameForm) -> VideoFrame:
        size_wh = self.form.width, self.form.height
        if form.orientation != self.form.orientation:
            pixels, form = _turned_upright(pixels, form)
        inner_wh = _inner_size(form, self.form)
        fitted = self._scaled(pixels, form, size_wh)
        if inner_wh != size_wh:
            _paste(self._scaled(pixels, form, inner_wh), fitted)
        fitted.pts, fitted.time_base, fitted.duration = pixels.pts, pixels.time_base, pixels.duration
        for tag in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(fitted, tag, getattr(self.form, tag))
        return fitted

    def _scaled(self, pixels: VideoFrame, form: FrameForm, size_wh: tuple[int, int]) -> VideoFrame:
        """The frame stretched to a size, in the pixel format, range and matrix of the canvas."""
        full, canvas_full = (ColorRange.JPEG if one.is_full_range else ColorRange.MPEG for one in (form, self.form))
        known = form.matrix and self.form.matrix
        scaled = pixels.reformat(
            width=size_wh[0],
            height=size_wh[1],
            format=self.form.pix_fmt,
            interpolation=Interpolation.BICUBIC,
            src_colorspace=form.matrix if known else None,
            dst_colorspace=self.form.matrix if known else None,
            src_color_range=full,
            dst_color_range=canvas_full,
            threads=1,
        )
        scaled.make_writable()  # it may be the decoder's own
        return scaled


def choose_canvas(stream: str, changes: Sequence[tuple[float, FrameForm]]) -> Canvas:
    """The canvas for frames of these forms, each from a time in seconds on; `stream` names the stream."""
    forms = list(dict.fromkeys(form for _, form in changes))
    if len({one.orientation for one in forms}) > 1:
        forms = [upright_form(one) for one in forms]
    largest = max(forms, key=lambda one: (one.width * one.height, one.aspect or 1))
    formats = [one.pix_fmt for one in forms]
    # One that keeps what each of them has, of the least size.
    best = min([*formats, *PLANAR], key=lambda other: max(loss(one, other) for one in formats))
    form = largest._replace(pix_fmt=planar_format(best))
    steps = zip(changes[1:], changes, strict=False)
    found = [(seconds, one.changes(before)) for (seconds, one), (_, before) in steps]
    named = [f"{', '.join(what)} from {seconds:.3f} s on" for seconds, what in found if what]
    if not named:
        return Canvas(form, None)
    more = f", and {len(named) - MAX_NAMED} changes more" if len(named) > MAX_NAMED else ""
    shape = f"{form.width}x{form.height} {form.pix_fmt}"
    text = f"{stream} changes: {'; '.join(named[:MAX_NAMED])}{more}: all frames are written as {shape}"
    if len({(one.width, one.height, one.aspect or 1) for one in forms}) > 1:
        text += ", scaled, with bars where their shape differs"
    return Canvas(form, text)


def upright_form(form: FrameForm) -> FrameForm:
    """The form of frames of this form after they are turned upright."""
    if is_sideways(form.orientation):
        aspect = 1 / form.aspect if form.aspect else None
        form = form._replace(width=form.height, height=form.width, aspect=aspect)
    return form._replace(orientation=UPRIGHT)


def _turned_upright(pixels: VideoFrame, form: FrameForm) -> tuple[VideoFrame, FrameForm]:
    """A frame turned upright, in a format whose planes all have the same size, and its form."""
    full_chroma = [name for name in PLANAR if has_full_chroma(name)]
    pix_fmt = min(full_chroma, key=lambda other: loss(form.pix_fmt, other))
    upright = upright_form(form)._replace(pix_fmt=pix_fmt)
    color_range = ColorRange.JPEG if form.is_full_range else ColorRange.MPEG
    stored = pixels.reformat(format=pix_fmt, src_color_range=color_range, dst_color_range=color_range, threads=1)
    frame = pixels.reformat(width=upright.width, height=upright.height, format=pix_fmt, threads=1)
    frame.make_writable()
    for target, source in zip(planes(frame, with_alpha=True), planes(stored, with_alpha=True), strict=True):
        target.array[:] = turned(source.array, form.orientation)
    frame.pts, frame.time_base, frame.duration = pixels.pts, pixels.time_base, pixels.duration
    return frame, upright


def _inner_size(form: FrameForm, canvas: FrameForm) -> tuple[int, int]:
    """The size at which a frame fills the canvas in one direction and keeps its shape."""
    shape = Fraction(form.width, form.height) * (form.aspect or 1) / (canvas.aspect or 1)
    # 4: complete chroma samples of every pixel format.
    width = min(canvas.width, max(4, round(canvas.height * shape / 4) * 4))
    height = min(canvas.height, max(4, round(canvas.width / shape / 4) * 4))
    # Less than a step apart is the same.
    return (
        canvas.width if canvas.width - width < 4 else width,
        canvas.height if canvas.height - height < 4 else height,
    )


def _paste(inner: VideoFrame, frame: VideoFrame) -> None:
    """Put a frame into the middle of a larger one, which becomes black."""
    left, top = (frame.width - inner.width) // 8 * 4, (frame.height - inner.height) // 8 * 4
    for target, source in zip(planes(frame, with_alpha=True), planes(inner, with_alpha=True), strict=True):
        target.array[:] = target.black
        x, y = left // target.step_x, top // target.step_y
        height, width = source.array.shape
        target.array[y : y + height, x : x + width] = source.array
