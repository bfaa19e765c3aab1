"""Measures how much of a face is left in the output: is it still legible?

Images are `(H, W) uint8` of gray levels, upright. The measures compare fine detail, not brightness, so that
they hold at any quality of the encoder; the constants were set on outputs that were encoded again at CRF 18 to 36.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Detail is what is finer than 1/20 of the face's width; it is compared in windows of about 1/6 of it.
FINE, WINDOW = 20, 12
# Windows whose normalised correlation with the source is higher than this have kept their detail, also in negative.
SAME = 0.6
# An output with less of the source's detail than these shares has the codec's noise only, as amplitude over all of the
# face and as energy in a window. With them nothing more counted in 18 real outputs, nor in four encoded at CRF 30, 36.
MIN_AMPLITUDE, MIN_ENERGY = 0.02, 0.02
# A face is legible from these on: the share of its detail that is kept, and the correlation of all of its detail.
# Measured on 1,000 redacted faces of 33 to 160 px: kept is at most 0.04 at CRF 18 and 30. A mask that is shifted by
# half a face leaves 0.2 to 0.6 of it, a face without a mask 0.8 to 1.
LEGIBLE_KEPT, LEGIBLE_CORRELATION = 0.10, 0.25
# A face with less detail than this, in gray levels (standard deviation), shows nothing that can be compared.
MIN_DETAIL = 2.0
MIN_PIXELS = 16
# Pixels. The thresholds were measured on faces up to 160 px.
MAX_WIDTH = 80.0
# In pixels of a copy that is blurred instead: the result differs by less than a hundredth.
MIN_SIGMA = 3.0


@dataclass(frozen=True, slots=True)
class Legibility:
    """What is left of a face: `kept` is the share of its detail that is still there, `correlation` of all of it.

    Both 0 to 1. `contrast` is that of the kept detail in the output, as a share of its contrast in the source.
    """

    kept: float
    correlation: float
    contrast: float = 1.0

    @property
    def left(self) -> float:
        """How much is left, 0 to 1: the smaller of both measures, since noise raises one of them alone."""
        return min(self.kept, self.correlation)

    @property
    def legible(self) -> bool:
        """Whether both measures reach their thresholds."""
        return self.kept >= LEGIBLE_KEPT and self.correlation >= LEGIBLE_CORRELATION

    def exceeds(self, expected: Legibility, by: float = LEGIBLE_KEPT) -> bool:
        """Whether clearly more is left than what is `expected`, by both measures: noise raises one of them alone."""
        return min(self.kept - expected.kept, self.correlation - expected.correlation) >= by


def measure_legibility(
    source: NDArray[np.uint8],
    output: NDArray[np.uint8],
    box: Sequence[float],
    reach: float = 0.5,
    min_detail: float = MIN_DETAIL,
) -> Legibility | None:
    """Compare the ellipse around a box's centre with radii of `reach` times its sides; 0.5 is the inscribed one.

    None where the source shows less than `min_detail`, or where hardly any of it lies within the image.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    margin = max(4.0, width / 4)
    rows = _clamped((y1 + y2) / 2, height * reach + margin, source.shape[0])
    columns = _clamped((x1 + x2) / 2, width * reach + margin, source.shape[1])
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    # A large face is compared in a smaller copy: what is finer tells no more.
    step = max(1, int(width / MAX_WIDTH))
    inside = _ellipse(box, reach, rows, columns, step)
    if np.count_nonzero(inside) < MIN_PIXELS:
        return None
    width /= step
    a, b = (_fine_detail(_reduced(image[rows, columns], step), width) for image in (source, output))
    a, b = a - a[inside].mean(), b - b[inside].mean()
    energy, other = float((a[inside] ** 2).sum()), float((b[inside] ** 2).sum())
    if energy < min_detail**2 * np.count_nonzero(inside):
        return None
    # The division must not amplify a flat output's noise.
    correlation = float(a[inside] @ b[inside]) / np.sqrt(energy * max(other, MIN_AMPLITUDE**2 * energy))
    aa, bb, ab = (_window_mean(product, width) for product in (a * a, b * b, a * b))
    local = ab / np.sqrt(np.maximum(aa, 1e-3) * np.maximum(bb, MIN_ENERGY * aa + 1e-3))
    is_kept = inside & (np.abs(local) > SAME)
    kept = float((a**2)[is_kept].sum())
    contrast = abs(float((a * b)[is_kept].sum())) / kept if kept else 0.0
    return Legibility(kept / energy, abs(float(correlation)), contrast)


def _clamped(centre: float, reach: float, length: int) -> slice:
    return slice(max(0, int(centre - reach)), max(0, min(length, int(np.ceil(centre + reach)))))


def _reduced(image: NDArray[np.uint8], step: int) -> NDArray[np.float32]:
    """Each square of `step` pixels as one; what is left over at the end is left out."""
    height, width = image.shape[0] // step, image.shape[1] // step
    if step > 1:
        whole = image[: height * step, : width * step]
        image = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return image.astype(np.float32)


def _ellipse(box: Sequence[float], reach: float, rows: slice, columns: slice, step: int = 1) -> NDArray[np.bool_]:
    x1, y1, x2, y2 = box
    down, across = (np.arange((one.stop - one.start) // step) * step + step / 2 + one.start for one in (rows, columns))
    y = (down - (y1 + y2) / 2) / max((y2 - y1) * reach, 1e-6)
    x = (across - (x1 + x2) / 2) / max((x2 - x1) * reach, 1e-6)
    inside: NDArray[np.bool_] = y[:, None] ** 2 + x[None, :] ** 2 <= 1
    return inside


def _fine_detail(image: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    return image - _blurred(image, max(0.5, width / FINE))


def _window_mean(product: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    return _blurred(product, max(1.0, width / WINDOW))


def _blurred(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The Gaussian blur; a strong one on a smaller copy, where it takes a fraction of the time."""
    reduction = int(sigma / MIN_SIGMA)
    height, width = image.shape
    if reduction < 2 or min(height, width) < 4 * reduction:
        return cv2.GaussianBlur(image, (0, 0), sigma)  # type: ignore[return-value]
    small = cv2.resize(image, (width // reduction, height // reduction), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / reduction)
    return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]
