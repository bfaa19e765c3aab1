"""A call of the API that is wrong is refused as on the command line, before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faceblur.base.errors import UsageError
from faceblur.base.options import Changes, Options
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.api import blur


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs(tmp_path: Path, jobs: int) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(UsageError, match="jobs"):
        blur(tmp_path / "a.mp4", tmp_path / "out", jobs=jobs)


@pytest.mark.parametrize("arguments", [{"concurrency": 0}, {"concurrency": -1}, {"workers": 0}])
def test_endpoint(arguments: dict[str, Any]) -> None:
    # A negative concurrency lets no batch in: the run would wait forever.
    with pytest.raises(UsageError, match=next(iter(arguments))):
        Endpoint(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"urls": ("http://x",), "workers": 1}, "not together with --function"),
        ({"urls": ("http://x",), "env": {"DEVICE": "cpu"}}, "not together with --function"),
        ({"urls": ("localhost:8080",)}, "is http://localhost:8080 meant"),
        ({"headers": {"Authorization": "Bearer a"}}, "are for a deployed function"),
        ({"ca_file": "authorities.pem"}, "are for a deployed function"),
        ({"ca_file": ""}, "are for a deployed function"),
    ],
)
def test_what_does_not_go_together(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Endpoint(**arguments)


def test_what_the_function_on_this_machine_has_too() -> None:
    Endpoint(timeout=5, give_up_after=5, concurrency=1, workers=1, env={"DEVICE": "cpu"})
    Endpoint(urls=("https://x",), headers={"Authorization": "Bearer a"}, ca_file="authorities.pem", timeout=5)


@pytest.mark.parametrize("arguments", [{"batch_size": 2.5}, {"detect_every": 2.0}, {"crf": 20.5}])
def test_whole_numbers(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="an integer is needed"):
        Options(**arguments)
    if "crf" in arguments:
        with pytest.raises(UsageError, match="an integer is needed"):
            Changes(**arguments)
