"""CI in the open: the workflows are valid, run what is here, and use no action of others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from faceblur.detection.deployment import stage
from tests.support.deploy_sandbox import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def steps(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_they_fit_their_schema() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    command = [str(checker), "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_their_shell_is_sound_and_they_use_no_action_of_others(path: Path) -> None:
    checker = Path(sys.executable).with_name("shellcheck")
    for step in steps(path):
        assert "uses" not in step
        # An expression in a script could bring in what a pull request is called.
        assert "${{" not in step["run"]
        command = [str(checker), "-"]
        done = subprocess.run(
            command, input=f"#!/bin/bash -e\n{step['run']}", capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout


def test_they_run_what_is_here() -> None:
    text = "".join(path.read_text() for path in WORKFLOWS)
    assert ".ci/run" in text and (ROOT / ".ci/run").is_file()
    (name,) = set(re.findall(r"docker build --file (\S+)", text))
    for target in re.findall(r"docker build .*--target (\S+)", text):
        assert f" AS {target}\n" in (ROOT / name).read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / name).read_text(), re.MULTILINE)
    assert copied and all((ROOT / one).exists() for line in copied for one in line.split())
    assert re.search(r"python -m faceblur\.detection\.deployment\.stage ", text)


def test_a_pull_request_that_changes_what_the_images_are_built_from_builds_them() -> None:
    triggers = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())[True]  # `on` is a boolean in YAML
    paths = {path.removesuffix("/**") for path in triggers["pull_request"]["paths"]}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy/Containerfile").read_text(), re.MULTILINE)
    sources = {one.split("/")[0] for line in copied for one in line.split()}
    assert sources <= paths and all((ROOT / path).exists() for path in paths)


def test_only_what_pushes_may_write() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        for name, job in workflow["jobs"].items():
            writes = {what for what, right in job.get("permissions", {}).items() if right == "write"}
            assert writes == {"images": {"packages"}, "release": {"contents"}}.get(name, set())


def test_what_the_image_is_built_from_is_staged(tmp_path: Path) -> None:
    assert stage.main([str(tmp_path), "--cpu"]) == 0
    assert (tmp_path / "faceblur_function" / "smoke_face.jpg").is_file()
    assert not list(tmp_path.rglob("__pycache__"))
    assert yaml.safe_load((tmp_path / "function.yaml").read_text())["spec"]["env"][1]["value"] == "cpu"
    assert stage.main([]) == 2
    lines = (tmp_path / "Dockerfile").read_text().splitlines()
    assert lines == [
        "FROM quay.io/nuclio/handler-builder-python-onbuild:1.14.1-amd64 AS nuclio",
        "FROM python:3.11-slim",
        *lines[2:4],
        "COPY --from=nuclio /home/nuclio/bin/processor /usr/local/bin/processor",
        "COPY --from=nuclio /home/nuclio/bin/py /opt/nuclio/",
        "COPY --from=nuclio /home/nuclio/bin/py3.11-whl /opt/nuclio/whl",
        "COPY . /opt/nuclio",
        # Word for word from the Dockerfile that nuctl 1.14.1 writes.
        "RUN python /opt/nuclio/whl/$(basename /opt/nuclio/whl/pip-*.whl)/pip install pip --no-index --find-links "
        "/opt/nuclio/whl && python -m pip install nuclio-sdk msgpack --no-index --find-links /opt/nuclio/whl",
        *lines[9:11],
        'CMD ["processor"]',
    ]
    assert lines[2].startswith("ENV ") and lines[3].startswith("RUN useradd") and lines[10] == "USER 1000"
