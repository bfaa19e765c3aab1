"""function.yaml and its variant without a GPU, against the field names of Nuclio and CVAT and against the function."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from typing import Any

import pytest
import yaml

from faceblur.detection.deployment.render_function_yaml import render
from faceblur.detection.local_function.function_yaml import read_config
from faceblur_function.main import Service
from faceblur_function.settings import Settings
from faceblur_function.weights import SOURCES
from tests.support.deploy_sandbox import ROOT


def gpu_config() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "function.yaml").read_text()))


def cpu_config() -> dict[str, Any]:
    return dict(yaml.safe_load(render((ROOT / "function.yaml").read_text(), "faceblur", cpu=True)))


def test_the_cpu_variant_needs_no_gpu_and_keeps_the_rest() -> None:
    gpu, cpu = gpu_config(), cpu_config()
    text = yaml.safe_dump(cpu).lower()
    assert not [word for word in ("nvidia", "cuda", "torch", "resnet", "apt-get") if word in text]
    env = {item["name"]: item["value"] for item in cpu["spec"]["env"]}
    assert (env["MODEL"], env["DEVICE"]) == ("retinaface-mobilenet0.25", "cpu")
    assert cpu["spec"]["build"]["directives"]["postCopy"][-1] == {"kind": "USER", "value": "1000"}
    assert cpu["spec"]["resources"]["limits"] == {"memory": "16Gi"}
    changed = {"build", "env", "resources", "nodeSelector", "tolerations"}
    assert {k: v for k, v in gpu["spec"].items() if k not in changed} == {
        k: v for k, v in cpu["spec"].items() if k not in changed
    }


# Nuclio's field names, by their path.
ALLOWED = {
    "": """
        metadata kind spec apiVersion""",
    "metadata": """
        annotations namespace name labels""",
    "spec": """
        description runtime handler env envFrom resources nodeSelector nodeName affinity tolerations
        priorityClassName preemptionPolicy preemptionMode serviceAccount imagePullSecrets
        imagePullPolicy securityContext hostIPC sidecars initContainers devices loggerSinks disable
        disableDefaultHTTPTrigger waitReadinessTimeoutBeforeFailure readinessTimeoutSeconds eventTimeout
        volumes replicas minReplicas maxReplicas targetCPU deploymentStrategy build triggers platform""",
    "spec.build": """
        path functionSourceCode functionConfigPath registry baseImageRegistry image noBaseImagesPull
        noCache noCleanup baseImage commands directives dependencies onbuildImage offline
        runtimeAttributes codeEntryType codeEntryAttributes buildTimeoutSeconds mode args flags
        builderServiceAccount""",
    "spec.build.directives": """
        postCopy preCopy""",
    "spec.resources": """
        requests limits""",
    "spec.securityContext": """
        runAsUser runAsGroup fsGroup runAsNonRoot seccompProfile""",
    "spec.platform.attributes": """
        restartPolicy mountMode healthCheckInterval network""",
    "spec.triggers.http": """
        kind numWorkers workerAvailabilityTimeoutMilliseconds workerTerminationTimeout
        workerAllocatorName annotations attributes batch mode async""",
    "spec.triggers.http.attributes": """
        maxRequestBodySize readBufferSize reduceMemoryUsage serviceType port ingresses cors
        disablePortPublishing streamingFlushPeriod""",
}


VARIANTS = pytest.mark.parametrize("config", [gpu_config(), cpu_config()], ids=["gpu", "cpu"])


@VARIANTS
def test_function_yaml_has_only_fields_that_nuclio_reads(config: dict[str, Any]) -> None:
    for path, allowed in ALLOWED.items():
        found: Any = config
        for name in filter(None, path.split(".")):
            found = found[name]
        assert set(found) <= set(allowed.split()), path
    assert set(config["spec"]["triggers"]) == {"http"}
    assert all(set(item) == {"name", "value"} and type(item["value"]) is str for item in config["spec"]["env"])
    steps = config["spec"]["build"]["directives"]
    assert all(set(step) == {"kind", "value"} for step in steps["preCopy"] + steps["postCopy"])
    assert {step["kind"] for step in steps["preCopy"] + steps["postCopy"]} == {"ENV", "RUN", "USER"}
    assert config["spec"]["runtime"] == "python:3.11"
    assert "commands" not in config["spec"]["build"], "Nuclio ignores the directives then"


@VARIANTS
def test_every_variable_is_one_that_the_function_reads(config: dict[str, Any]) -> None:
    env = {item["name"]: item["value"] for item in config["spec"]["env"]}
    for_others = {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "OPENBLAS_NUM_THREADS"}
    for_others |= {"NUCLIO_PYTHON_DECODE_EVENT_STRINGS"}
    assert set(env) - for_others <= {field.name.upper() for field in fields(Settings)}
    Settings.from_environment(env)
    assert int(env["WORKERS"]) == config["spec"]["triggers"]["http"]["numWorkers"]


@VARIANTS
def test_annotations_are_what_cvat_reads(config: dict[str, Any]) -> None:
    annotations = config["metadata"]["annotations"]
    assert all(type(value) is str for value in annotations.values())
    assert annotations["type"] == "detector"
    assert int(annotations["version"]) > 0
    assert json.loads(annotations["spec"]) == [{"id": 1, "name": "face", "type": "rectangle"}]
    assert config["spec"]["description"]


@VARIANTS
def test_late_nodes_are_waited_for_crashes_are_outlived_and_the_pod_is_hardened(config: dict[str, Any]) -> None:
    spec = config["spec"]
    assert spec["waitReadinessTimeoutBeforeFailure"] is True
    assert spec["platform"]["attributes"]["restartPolicy"]["name"] == "always"
    assert spec["securityContext"] == {
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["build"]["baseImage"] == "python:3.11-slim"
    environment = spec["build"]["directives"]["preCopy"][0]["value"]
    assert ('NVIDIA_REQUIRE_CUDA="cuda>=13.0"' in environment) == (config == gpu_config())


DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "PIL": "pillow",
    "pydantic": "pydantic",
    "retinaface": "retinaface-pytorch",
    "torch": "torch",
    "torchvision": "torchvision",
}


@pytest.mark.parametrize(
    ("config", "others"), [(gpu_config(), "onnx_network"), (cpu_config(), "retinaface_torch")], ids=["gpu", "cpu"]
)
def test_the_image_holds_what_the_function_imports(config: dict[str, Any], others: str) -> None:
    imported = set()
    for path in (ROOT / "function" / "faceblur_function").rglob("*.py"):
        if path.stem != others:
            imported |= set(re.findall(r"^ *(?:import|from) (\w+)", path.read_text(), re.MULTILINE))
    third_party = imported - set(sys.stdlib_module_names) - {"faceblur_function"}
    assert third_party >= {"cv2", "numpy", "pydantic"}
    installed = pins(config)
    assert {DISTRIBUTIONS[name] for name in third_party} <= set(installed)
    known = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert {name: version for name, version in installed.items() if name in known} == {
        name: known[name] for name in installed if name in known
    }


def pins(config: dict[str, Any]) -> dict[str, str]:
    steps = config["spec"]["build"]["directives"]["preCopy"]
    return dict(re.findall(r"([\w.-]+)==(\S+)", " ".join(step["value"] for step in steps)))


def test_the_cached_download_is_the_file_that_the_function_looks_for() -> None:
    source = SOURCES["retinaface-resnet50"]
    steps = gpu_config()["spec"]["build"]["directives"]["preCopy"]
    assert steps[-1]["value"].split()[-2:] == [source.origin, f"/opt/faceblur/{source.filename}"]


def test_function_yaml_still_runs_here_with_its_own_weights_folder() -> None:
    config = read_config(ROOT / "function.yaml")
    assert "FACEBLUR_CACHE" not in config.env
    assert "PATH" not in config.env
    assert Service(Settings.from_environment(config.env | {"WORKERS": "1"})).detector.device == "cpu"
