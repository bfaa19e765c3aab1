"""The function's settings: environment variables, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

from faceblur_function import defaults
from faceblur_function.cpu import cores
from faceblur_function.detectors.detector import DetectorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Each field is the environment variable of the same name in capitals; docs/settings.md lists them."""

    model: str = defaults.MODEL
    device: str = "cpu"
    weights: str | None = None
    detect_size: Annotated[int, Field(ge=64, le=8192)] = defaults.DETECT_SIZE
    threshold: Annotated[float, Field(ge=0, le=1)] = defaults.THRESHOLD
    threads: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(ge=1)] = 1
    max_megapixels: Annotated[float, Field(gt=0)] = defaults.MAX_MEGAPIXELS
    max_bytes: Annotated[int, Field(gt=0)] = defaults.MAX_BYTES

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the variables that are set and not empty. Raises DetectorError, naming the variable."""
        given = {name: environment[name.upper()] for name in _NAMES if environment.get(name.upper())}
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]).upper()
            raise DetectorError(f"{name}={first['input']}: {first['msg'].lower()}") from None

    @property
    def cpu_threads(self) -> int:
        """CPU threads of this worker: THREADS, or its share of the cores that the container was given."""
        return self.threads or max(1, cores() // self.workers)


_NAMES = [field.name for field in fields(Settings)]
