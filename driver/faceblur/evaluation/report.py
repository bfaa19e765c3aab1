"""The report of an evaluation: its figures as frozen objects, with the fields of the JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from faceblur.base.atomic_files import write_complete
from faceblur.base.errors import MediaError
from faceblur.evaluation.height_bands import COUNTED

SweptSetting = Literal["threshold", "detect-size"]


@dataclass(frozen=True, slots=True)
class BandScore:
    """Detections from a threshold on against the labels of one band of heights.

    `recall` and `ap` are None without labelled faces, `precision` without detections.
    """

    height: str
    faces: int
    found: int
    false: int
    recall: float | None
    precision: float | None
    ap: float | None


@dataclass(frozen=True, slots=True)
class VideoExposure:
    """One video. Faces of MIN_HEIGHT pixels and more count; `by_height` has pairs of faces and exposed ones.

    The longest run is of consecutive frames with an exposed face, whichever: what a viewer sees. Its first frame counts
    from 0, None without any.
    """

    video: str
    frames: int
    faces: int
    exposed_faces: int
    exposed_rate: float | None
    exposed_frames: int
    longest_run_frames: int
    longest_run_seconds: float
    longest_run_first_frame: int | None
    by_height: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class SettingFigures:
    """The figures of one setting: `value` is the threshold or the detection size; seconds are the function's own."""

    value: float
    scores: list[BandScore]
    videos: list[VideoExposure]
    detect_seconds: float

    @property
    def counted(self) -> BandScore:
        """The score of the faces that count."""
        return next(one for one in self.scores if one.height == COUNTED)

    @property
    def exposed_rate(self) -> float | None:
        """The share of all videos' faces that stay exposed; None without any."""
        faces = sum(one.faces for one in self.videos)
        return sum(one.exposed_faces for one in self.videos) / faces if faces else None


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """The settings of a run that matter here: see `faceblur.base.options.Options`."""

    threshold: float
    padding: float
    look_around: float


@dataclass(frozen=True, slots=True)
class EvaluatedFunction:
    """The function that was measured."""

    model: str
    device: str
    weights_sha256: str


@dataclass(frozen=True, slots=True)
class RecallGate:
    """Whether the recall of the faces that count reaches `min_recall`; `passed` is None where none is asked for."""

    min_recall: float | None
    faces: str
    recall: float | None
    passed: bool | None


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """The complete evaluation: figures at the settings, then one of each swept value, in order."""

    function: EvaluatedFunction
    settings: EvaluationSettings
    dataset: dict[str, int]
    scores: list[BandScore]
    videos: list[VideoExposure]
    sweep: list[SettingFigures]
    gate: RecallGate

    def content(self) -> dict[str, Any]:
        """The content of the JSON."""
        return asdict(self)

    def write_json(self, path: Path) -> None:
        """Write the JSON. Raises MediaError, which names the file."""
        text = json.dumps(self.content(), indent=2, allow_nan=False)
        try:
            write_complete(path, (text + "\n").encode())
        except OSError as error:
            raise MediaError(f"{path}: cannot be written: {error.strerror}") from error
