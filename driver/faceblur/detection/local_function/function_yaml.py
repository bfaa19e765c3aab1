"""Reads from function.yaml what the local function needs: the handler, its environment, the HTTP trigger."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import yaml

import faceblur_function
from faceblur.base.errors import UsageError
from faceblur.detection.local_function.worker_count import default_workers
from faceblur_function.defaults import SETTINGS

# What a machine without a GPU runs instead of function.yaml's model.
LOCAL_ENV = {"MODEL": "retinaface-mobilenet0.25", "DEVICE": "cpu"}
# How much of a name has to be that of a setting to be taken for a slip of it: DETECTION_SIZE has 0.88 of DETECT_SIZE,
# and OMP_NUM_THREADS 0.64 of THREADS.
CLOSE = 0.8
# libyaml's takes a tenth of the time; PyYAML may have been installed without it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class FunctionConfig:
    """The handler and the HTTP trigger of function.yaml. Times are in seconds. The defaults are Nuclio's."""

    handler: str
    env: dict[str, str] = field(default_factory=dict)
    workers: int = 1
    max_body_bytes: int = 4 << 20
    max_header_bytes: int = 16 << 10
    worker_timeout: float = 10.0
    event_timeout: float | None = None


def find_function_yaml() -> Path:
    """function.yaml in the repository, or in the installed package. Raises UsageError."""
    package = Path(faceblur_function.__file__).resolve().parent
    for path in (package.parents[1] / "function.yaml", package / "function.yaml"):
        if path.is_file():
            return path
    raise UsageError("function.yaml is missing from the installed package: install faceblur again")


def read_config(path: Path, *, env: Mapping[str, str] | None = None, workers: int | None = None) -> FunctionConfig:
    """Read function.yaml; `env` overrides its variables. Raises UsageError, also for a name in it that is a slip.

    `workers` overrides its numWorkers. Without it numWorkers is bounded by this machine's cores.
    """
    _check_names(env or {})
    try:
        spec = yaml.load(path.read_text(), LOADER)["spec"]
        triggers = [trigger for trigger in spec.get("triggers", {}).values() if trigger.get("kind") == "http"]
        trigger = triggers[0] if triggers else {}
        workers = workers or default_workers(int(trigger.get("numWorkers", trigger.get("maxWorkers", 1))))
        given = {item["name"]: str(item["value"]) for item in spec.get("env", []) if "value" in item}
        timeout_ms = int(trigger.get("workerAvailabilityTimeoutMilliseconds", 10000))
        return FunctionConfig(
            handler=spec["handler"],
            env=given | LOCAL_ENV | {"WORKERS": str(workers)} | dict(env or {}),
            workers=workers,
            max_body_bytes=int(trigger.get("attributes", {}).get("maxRequestBodySize", 4 << 20)),
            max_header_bytes=int(trigger.get("attributes", {}).get("readBufferSize", 16 << 10)),
            worker_timeout=(timeout_ms if timeout_ms >= 0 else 10000) / 1000,
            event_timeout=_seconds(spec["eventTimeout"]) if spec.get("eventTimeout") else None,
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is no usable function.yaml: {type(error).__name__}: {error}") from error


def _check_names(env: Iterable[str]) -> None:
    """Refuse a name that is nearly that of a setting: it would change nothing. Raises UsageError.

    All others pass: they may be of the function's libraries, such as CUDA_VISIBLE_DEVICES.
    """
    for name in env:
        close = get_close_matches(name.upper(), SETTINGS, 1, CLOSE)
        if close and name not in SETTINGS:
            raise UsageError(f"--env {name}: is {close[0]} meant? The settings are {', '.join(SETTINGS)}")


def _seconds(duration: str) -> float:
    """A Go duration such as `1m30s` or `500ms`, in seconds."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", duration)
    if "".join(number + unit for number, unit in parts) != duration or not parts:
        raise ValueError(f"{duration!r} is no duration such as 90s or 1m30s")
    return sum(float(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit] for number, unit in parts)
