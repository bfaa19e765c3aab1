"""What is found out about one pair of frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.frame_alignment import GrayImage, SmallFrame
from faceblur.auditing.merged_detections import MergedDetection
from faceblur.auditing.observations import Observation
from faceblur_function.mask_shapes import Region


@dataclass(slots=True)
class FrameChecks:
    """The results for one pair of frames.

    `small` are the small frames of source and output, `planes` their gray images and, where it shows anything, their
    alpha planes, as long as they are needed; `masked` are the masks of the sidecar.
    `output` is the output's image where an area changed, until it was searched for faces; `added` are those.
    `detections` holds what was detected, and an observation where the output still shows it. `cut`: a new scene begins.
    """

    small: tuple[SmallFrame, SmallFrame]
    planes: list[tuple[GrayImage, GrayImage]]
    masked: list[Region]
    exposed: list[Observation] = field(default_factory=list)
    hardly: list[Observation] = field(default_factory=list)
    spared: list[Observation] = field(default_factory=list)
    rejected: list[Observation] = field(default_factory=list)
    changed: list[Observation] = field(default_factory=list)
    output: NDArray[np.uint8] | None = None
    added: list[Observation] = field(default_factory=list)
    detections: list[tuple[MergedDetection, Observation | None]] = field(default_factory=list)
    cut: bool = False
    psnr: float | None = None
    most_kept: float = 0.0
