"""What the local function reads from function.yaml."""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import fields
from pathlib import Path

import pytest

from faceblur.base.errors import UsageError
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur_function import weights
from faceblur_function.defaults import SETTINGS
from faceblur_function.settings import Settings


def test_function_yaml_is_read() -> None:
    read = read_config(find_function_yaml())
    assert read.handler == "faceblur_function.main:handler"
    assert read.workers == min(2, max(1, len(os.sched_getaffinity(0)) // 2))
    assert read.max_body_bytes == 64 << 20 and read.event_timeout == 300 and read.worker_timeout == 60
    assert read.env["MODEL"] == "retinaface-mobilenet0.25" and read.env["DEVICE"] == "cpu"
    other = read_config(find_function_yaml(), env={"DEVICE": "cuda"}, workers=5)
    assert other.env["DEVICE"] == "cuda" and other.workers == 5 and other.env["WORKERS"] == "5"


@pytest.mark.parametrize("slip", ["DETECT_SIZES", "detect_size", "DETECTION_SIZE", "TRESHOLD", "MODELL"])
def test_a_slip_in_the_name_of_a_setting_is_refused(slip: str) -> None:
    with pytest.raises(UsageError, match=rf"--env {slip}: is \w+ meant\? The settings are MODEL, DEVICE, .*_URL$"):
        read_config(find_function_yaml(), env={slip: "640"})


def test_names_of_libraries_are_passed_on() -> None:
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_CACHE_PATH", "ORT_DEVICE_ID"]
    names += ["HTTPS_PROXY", "SSL_CERT_FILE", "MALLOC_TRIM_THRESHOLD_", "PYTORCH_CUDA_ALLOC_CONF", "ONEDNN_MAX_CPU_ISA"]
    env = dict.fromkeys([*names, *SETTINGS], "1")
    assert read_config(find_function_yaml(), env=env).env.items() >= env.items()


def test_settings_are_those_that_the_function_reads() -> None:
    of_weights = re.findall(r'os\.environ\.get\("(FACEBLUR_\w+)"', inspect.getsource(weights))
    assert {*SETTINGS} == {*(one.name.upper() for one in fields(Settings)), *of_weights}


@pytest.mark.parametrize("text", ["", "spec: 5", "spec: {}", "spec: {handler: a, eventTimeout: soon}", "{"])
def test_bad_function_yaml_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "function.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"function\.yaml"):
        read_config(path)
