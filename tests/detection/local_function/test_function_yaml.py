"""What the local function reads from function.yaml."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from faceblur.base.errors import UsageError
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config


def test_function_yaml_is_read() -> None:
    read = read_config(find_function_yaml())
    assert read.handler == "faceblur_function.main:handler"
    assert read.workers == min(2, max(1, len(os.sched_getaffinity(0)) // 2))
    assert read.max_body_bytes == 64 << 20 and read.event_timeout == 300 and read.worker_timeout == 60
    assert read.env["MODEL"] == "retinaface-mobilenet0.25" and read.env["DEVICE"] == "cpu"
    other = read_config(find_function_yaml(), env={"DEVICE": "cuda"}, workers=5)
    assert other.env["DEVICE"] == "cuda" and other.workers == 5 and other.env["WORKERS"] == "5"


@pytest.mark.parametrize("text", ["", "spec: 5", "spec: {}", "spec: {handler: a, eventTimeout: soon}", "{"])
def test_bad_function_yaml_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "function.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"function\.yaml"):
        read_config(path)
