"""The pipeline for Kubeflow, run whole on this machine: real evaluation, real HTTP, both of its ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.deploy_sandbox import ROOT
from tests.support.nuclio_dashboard import NuclioDashboard

FOLDER = ROOT / "deploy" / "pipeline"
PYTHON = ROOT / ".venv" / "pipeline" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="kfp is not installed: make .venv/pipeline.done")
RUN = """
import json, sys
from kfp import local
import faceblur_pipeline
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1], raise_on_error=True)
faceblur_pipeline.faceblur_model(**json.loads(sys.argv[2]))
"""


def run(folder: Path, **arguments: Any) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(FOLDER), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [str(PYTHON), "-c", RUN, str(folder / "root"), json.dumps(arguments)],
        env=os.environ | {"PYTHONPATH": path, "FACEBLUR_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=200,
        cwd=folder,
    )


def artifact(folder: Path, task: str, name: str) -> Path:
    (found,) = (folder / "root").glob(f"*/{task}/{name}")
    return found


def test_a_candidate_that_is_good_enough_is_deployed_and_checked(function: str, labels: Path, tmp_path: Path) -> None:
    """The labels have two faces, of which one is there: a recall of 0.5, as in production."""
    with NuclioDashboard(function) as dashboard:
        done = run(
            tmp_path,
            dataset=str(labels),
            candidate_function=function,
            production_function=function,
            candidate_image="r/faceblur:7",
            dashboard=dashboard.url,
            baseline=0.5,
            margin=0.0,
            cpu=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert dashboard.functions["faceblur"]["spec"]["image"] == "r/faceblur:7"
    metrics = json.loads(artifact(tmp_path, "evaluate", "executor_output.json").read_text())
    (logged,) = metrics["artifacts"]["metrics"]["artifacts"]
    assert logged["metadata"]["recall 16 and more"] == 0.5
    page = artifact(tmp_path, "evaluate", "curves").read_text()
    assert "<polyline points='150.0," in page and "Recall by height" in page and "16 to 32" in page
    assert "'ok': True" in done.stdout or '"ok":true' in done.stdout


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"baseline": 0.51}, "recall 0.5000 is below the baseline 0.51"),
        ({"baseline": 0.1, "margin": -0.1}, "recall 0.5000 is more than -0.1 below production's 0.5000"),
    ],
)
def test_else_production_stays_as_it_was(
    function: str, labels: Path, tmp_path: Path, settings: dict[str, float], reason: str
) -> None:
    with NuclioDashboard(function) as dashboard:
        more = {"candidate_function": function, "production_function": function, "candidate_image": "r/faceblur:7"}
        done = run(tmp_path, dataset=str(labels), dashboard=dashboard.url, **more, **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        assert dashboard.asked == []
    assert f"production stays as it is: {reason}" in done.stdout + done.stderr


def test_a_deployment_that_fails_fails_the_pipeline(function: str, labels: Path, tmp_path: Path) -> None:
    with NuclioDashboard(function, "error") as dashboard:
        more = {"candidate_function": function, "candidate_image": "r/faceblur:7", "baseline": 0.5}
        done = run(tmp_path, dataset=str(labels), dashboard=dashboard.url, **more)
    assert done.returncode != 0 and "deploy-and-check" in done.stdout + done.stderr


def test_it_compiles_for_a_cluster(tmp_path: Path) -> None:
    target = tmp_path / "pipeline.yaml"
    command = [str(PYTHON), str(FOLDER / "faceblur_pipeline.py"), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    text = target.read_text()
    # Nothing is installed when a component starts, and no figure of another model comes from the cache.
    assert "pip install" not in text and "enableCache" not in text
    (spec, *_) = yaml.safe_load_all(text)
    assert spec["pipelineInfo"]["name"] == "faceblur-model"
    assert set(spec["root"]["inputDefinitions"]["parameters"]) >= {"dataset", "candidate_image", "baseline", "margin"}


def test_its_image_has_what_the_components_run() -> None:
    text = (ROOT / "deploy" / "Containerfile").read_text()
    _, _, target = text.partition(" AS pipeline\n")
    assert "ENV PATH=/opt/kfp/bin:$PATH FACEBLUR_PYTHON=/opt/faceblur/bin/python" in target.partition("\nFROM ")[0]
    assert "'.[evaluate]'" in text and text.splitlines()[-1] == 'ENTRYPOINT ["faceblur"]'
