"""The function's settings: environment variables, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

from faceblur_function.detectors.detector import DetectorError
from faceblur_function.wire import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Each field is the environment variable of the same name in capitals; the README's table lists them."""

    model: str = "retinaface-mobilenet0.25"
    device: str = "cpu"
    weights: str | None = None
    detect_size: Annotated[int, Field(ge=64, le=8192)] = 1920
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.3
    threads: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(ge=1)] = 1
    max_megapixels: Annotated[float, Field(gt=0)] = 64.0
    max_bytes: Annotated[int, Field(gt=0)] = 64 << 20

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
    def limits(self) -> Limits:
        return Limits(max_bytes=self.max_bytes, max_megapixels=self.max_megapixels)

    @property
    def cpu_threads(self) -> int:
        """CPU threads of this worker: THREADS, or its share of the cores that the container was given."""
        return self.threads or max(1, cores() // self.workers)


_NAMES = [field.name for field in fields(Settings)]


def cores(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """The CPU cores that this process may use: its affinity, and the container's quota (cgroup v2) if lower."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if quota_file.is_file():
        quota, period = quota_file.read_text().split()
        if quota != "max":
            available = min(available, max(1, round(int(quota) / int(period))))
    return available
