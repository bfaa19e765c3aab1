"""The resources in deploy/ are those of function.yaml, and hold together."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from faceblur.detection.deployment.write_manifests import IMAGE, manifests
from tests.support.deploy_sandbox import ROOT

DEPLOY = ROOT / "deploy"
FORMS = pytest.mark.parametrize("form", ["function", "function-cpu"])


def load(path: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / path).read_text()))


@pytest.mark.parametrize("path", manifests((ROOT / "function.yaml").read_text()))
def test_they_are_those_of_function_yaml(path: str) -> None:
    """`make manifests` writes them again."""
    assert (DEPLOY / path).read_text() == manifests((ROOT / "function.yaml").read_text())[path]


@FORMS
def test_the_controller_takes_them_up_without_a_build(form: str) -> None:
    resource = load(f"{form}/function.yaml")
    assert (resource["apiVersion"], resource["kind"]) == ("nuclio.io/v1beta1", "NuclioFunction")
    assert resource["status"] == {"state": "waitingForResourceConfiguration"}  # ignored for ever without it
    assert resource["spec"]["image"] == IMAGE and resource["spec"]["build"] == {"codeEntryType": "image"}
    assert "platform" not in resource["spec"]
    has_gpu = "nvidia.com/gpu" in resource["spec"]["resources"]["limits"]
    assert has_gpu == (form == "function") == ("nodeSelector" in resource["spec"])


@FORMS
def test_kustomize_sets_image_and_namespace(form: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on the PATH")
    command = ["kubectl", "kustomize", str(DEPLOY / form)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    resources = {one["kind"]: one for one in yaml.safe_load_all(done.stdout)}
    assert set(resources) == {"NuclioFunction", "NetworkPolicy"}
    assert all(one["metadata"]["namespace"] == "nuclio" for one in resources.values())
    assert resources["NuclioFunction"]["spec"]["image"].startswith("registry.example.com/videos/faceblur")


def test_the_policy_is_about_the_function_s_pods_and_every_rule_names_who() -> None:
    policy = load("access/network-policy.yaml")["spec"]
    name = load("function/function.yaml")["metadata"]["name"]
    assert policy["podSelector"] == {"matchLabels": {"nuclio.io/function-name": name}}
    assert policy["policyTypes"] == ["Ingress"]
    for rule in policy["ingress"]:
        assert rule["ports"] and rule["from"]
        assert all(
            one["podSelector"].get("matchLabels") or one["podSelector"]["matchExpressions"] for one in rule["from"]
        )


def test_the_fleet_s_workers_may_call_it() -> None:
    caller = load("access/network-policy.yaml")["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    workers = next(iter(yaml.safe_load_all((DEPLOY / "fleet/base/workers.yaml").read_text())))
    assert caller.items() <= workers["spec"]["template"]["metadata"]["labels"].items()


def test_the_role_has_what_a_deployer_needs_and_no_more() -> None:
    rights = {
        (group, resource, verb)
        for rule in load("deployer-role.yaml")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    nuclio = ("get", "list", "create", "update", "patch", "delete")
    assert rights == {
        *(("nuclio.io", resource, verb) for resource in ("nucliofunctions", "nuclioprojects") for verb in nuclio),
        ("nuclio.io", "nuclioapigateways", "list"),
        *(("", resource, verb) for resource in ("pods", "events", "services") for verb in ("get", "list")),
        ("", "pods/log", "get"),
        ("", "pods/portforward", "create"),
        ("", "secrets", "list"),
        *(("apps", "deployments", verb) for verb in ("get", "list", "patch")),
        *(("apps", "replicasets", verb) for verb in ("get", "list")),
        ("networking.k8s.io", "ingresses", "list"),
    }


def test_every_file_is_valid_yaml() -> None:
    files = sorted(Path(DEPLOY).rglob("*.yaml"))
    assert len(files) >= 8
    for path in files:
        assert list(yaml.safe_load_all(path.read_text()))
