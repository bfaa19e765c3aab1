"""The function.yaml that is deployed: under its name, with its replicas and port, and without a GPU if asked."""

from __future__ import annotations

from typing import Any

import yaml

from faceblur.detection.deployment.plan import GPU_MODEL, Plan
from faceblur.detection.local_function.function_yaml import LOCAL_ENV

# What is installed into the image of `--cpu`: the versions are those of constraints.txt.
CPU_INSTALLATION = [
    {"kind": "ENV", "value": "PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 FACEBLUR_CACHE=/opt/faceblur"},
    {
        "kind": "RUN",
        "value": "useradd --uid 1000 --create-home faceblur && "
        "python -m pip install numpy==2.4.6 opencv-python-headless==5.0.0.93 "
        "\"onnxruntime-openvino==1.24.1 ; platform_machine == 'x86_64'\" "
        "\"onnxruntime==1.31.1 ; platform_machine != 'x86_64'\" "
        "pillow==13.0.0 pydantic==2.14.3",
    },
]
# The second detector, which verifies what the MobileNet is not certain of.
VERIFIER = "centerface"


def for_cpu(config: dict[str, Any]) -> dict[str, Any]:
    """The content of function.yaml for a cluster without GPUs: the MobileNet on ONNX Runtime, on any node."""
    spec = dict(config["spec"])
    post_copy = [
        step | {"value": step["value"].replace(GPU_MODEL, f"{LOCAL_ENV['MODEL']} {VERIFIER}")}
        for step in spec["build"]["directives"]["postCopy"]
    ]
    spec["build"] = spec["build"] | {"directives": {"preCopy": CPU_INSTALLATION, "postCopy": post_copy}}
    spec["env"] = [item | {"value": LOCAL_ENV.get(item["name"], item["value"])} for item in spec["env"]]
    limits = {name: amount for name, amount in spec["resources"]["limits"].items() if name != "nvidia.com/gpu"}
    spec["resources"] = spec["resources"] | {"limits": limits}
    for name in ("nodeSelector", "tolerations"):
        spec.pop(name, None)
    return config | {"spec": spec}


def rendered(text: str, name: str, *, cpu: bool, plan: Plan | None = None) -> dict[str, Any]:
    """What to deploy, from the text of this repository's function.yaml. Without a plan its own replicas stay."""
    config: dict[str, Any] = yaml.safe_load(text)
    config["metadata"]["name"] = name
    if cpu:
        config = for_cpu(config)
    if plan:
        spec = config["spec"]
        spec["minReplicas"] = spec["maxReplicas"] = plan.replicas
        attributes = spec["triggers"]["http"]["attributes"]
        # In the file: with a flag of nuctl, the next deployment could not see it.
        attributes |= {"serviceType": plan.service_type} if plan.service_type else {}
        attributes |= {"port": plan.port} if plan.port else {}
    return config


def render(text: str, name: str, *, cpu: bool, plan: Plan | None = None) -> str:
    """`rendered`, as YAML."""
    return yaml.safe_dump(rendered(text, name, cpu=cpu, plan=plan), sort_keys=False, width=1000)


def manifest(text: str, name: str, image: str, *, cpu: bool, plan: Plan | None = None) -> dict[str, Any]:
    """A resource for `kubectl apply` that runs an existing image: no build, neither docker nor nuctl.

    The controller takes it up only with that status.
    """
    config = rendered(text, name, cpu=cpu, plan=plan)
    spec = {name: value for name, value in config["spec"].items() if name not in ("build", "platform")}
    project = plan.project if plan else "faceblur"
    return {
        "apiVersion": "nuclio.io/v1beta1",
        "kind": "NuclioFunction",
        "metadata": config["metadata"] | {"name": name, "labels": {"nuclio.io/project-name": project}},
        "spec": spec | {"image": image, "build": {"codeEntryType": "image"}},
        "status": {"state": "waitingForResourceConfiguration"},
    }
