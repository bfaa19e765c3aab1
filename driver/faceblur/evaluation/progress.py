"""How far an evaluation is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EvaluationStage = Literal["detect", "score"]


@dataclass(frozen=True, slots=True)
class EvaluationProgress:
    """How far a stage is: `done` images and frames of `total`, which is None for a dataset with videos.

    Each pass over the dataset is one stage `detect` and one stage `score`; a sweep over detection sizes has several.
    """

    stage: EvaluationStage
    done: int = 0
    total: int | None = None
