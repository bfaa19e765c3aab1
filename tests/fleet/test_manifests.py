"""The manifests of the fleet are valid Kubernetes, start commands that exist, and ask for no rights."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from faceblur.cli import app, fleet, jobs, plan, review, serving  # noqa: F401  # they add their commands
from faceblur.cli.group import main

DEPLOY = Path(__file__).parents[2] / "deploy" / "fleet"
OVERLAYS = ("gpu", "cpu", "local-path", "nfs")


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(DEPLOY.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield f"{path.relative_to(DEPLOY)}:{document['kind']}", document


# Of KEDA: Kubernetes has no schema of them.
CUSTOM = ("ScaledObject", "TriggerAuthentication")
RESOURCES = {name: one for name, one in documents() if one["kind"] not in ("Kustomization", "Component", *CUSTOM)}
PODS = {
    name: (one["spec"]["template"]["spec"], one["spec"]["template"]["spec"]["containers"])
    for name, one in RESOURCES.items()
    if one["kind"] in ("Deployment", "StatefulSet", "Job")
}


@pytest.mark.parametrize("name", RESOURCES)
def test_it_is_valid_for_a_current_kubernetes(name: str) -> None:
    kubernetes_validate.validate(RESOURCES[name], kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights_that_it_does_not_need(name: str) -> None:
    pod, containers = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for one in containers:
        context = one["securityContext"]
        assert context["allowPrivilegeEscalation"] is False and context["capabilities"] == {"drop": ["ALL"]}
        assert context.get("readOnlyRootFilesystem") or "postgres" in one["image"]
        mounts = {mount["name"] for mount in one["volumeMounts"]}
        assert "videos" not in mounts or pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
        assert one["resources"]["requests"].keys() == {"cpu", "memory"} and "memory" in one["resources"]["limits"]


@pytest.mark.parametrize("name", [name for name in PODS if "postgresql" not in name])
def test_a_container_starts_a_command_that_exists(name: str) -> None:
    _, containers = PODS[name]
    for container in containers:
        command, *arguments = container["args"]
        context = main.make_context("faceblur", [command, *arguments], resilient_parsing=True)
        found = main.get_command(context, command)
        assert found is not None
        if isinstance(found, click.Group):
            found = found.commands[arguments.pop(0)]
        found.make_context(command, [str(one) for one in arguments])


def test_the_patch_of_an_overlay_starts_a_command_that_exists() -> None:
    overlay = yaml.safe_load((DEPLOY / "cpu" / "kustomization.yaml").read_text())
    patches = yaml.safe_load(overlay["patches"][0]["patch"])
    command, *arguments = patches[0]["value"]
    main.commands[command].make_context(command, arguments)


def build(overlay: str) -> str:
    """An overlay as kustomize makes it; the test is skipped without kustomize and kubectl."""
    tools = {"kustomize": ["kustomize", "build"], "kubectl": ["kubectl", "kustomize"]}
    command = next((words for name, words in tools.items() if shutil.which(name)), None)
    if command is None:
        pytest.skip("neither kustomize nor kubectl is here")
    done = subprocess.run([*command, str(DEPLOY / overlay)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_complete(overlay: str) -> None:
    found = list(yaml.safe_load_all(build(overlay)))
    for one in found:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    kinds = [one["kind"] for one in found]
    assert kinds.count("Deployment") == 2 and "PersistentVolumeClaim" in kinds
    assert all(one["metadata"].get("namespace", "faceblur") == "faceblur" for one in found)


@pytest.mark.skipif("KUBECONFIG" not in os.environ, reason="KUBECONFIG names no cluster")
@pytest.mark.parametrize("folder", [*(f"fleet/{one}" for one in OVERLAYS), "monitoring", "access"])
def test_a_real_api_server_takes_a_folder(folder: str) -> None:
    for space in ("faceblur", "monitoring"):
        subprocess.run(["kubectl", "create", "namespace", space], capture_output=True, timeout=60)
    done = subprocess.run(
        ["kubectl", "apply", "--dry-run=server", "-k", str(DEPLOY.parent / folder)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
