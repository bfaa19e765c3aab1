"""The function.yaml that is deployed: under its name, and without a GPU if asked.

`python -m faceblur.detection.deployment.render_function_yaml NAME [--cpu] < function.yaml` prints it.
"""

from __future__ import annotations

import sys
from typing import Any

import yaml

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


def for_cpu(config: dict[str, Any]) -> dict[str, Any]:
    """The content of function.yaml for a cluster without GPUs: the MobileNet on ONNX Runtime, on any node."""
    spec = dict(config["spec"])
    post_copy = [
        step | {"value": step["value"].replace("retinaface-resnet50", LOCAL_ENV["MODEL"])}
        for step in spec["build"]["directives"]["postCopy"]
    ]
    spec["build"] = spec["build"] | {"directives": {"preCopy": CPU_INSTALLATION, "postCopy": post_copy}}
    spec["env"] = [item | {"value": LOCAL_ENV.get(item["name"], item["value"])} for item in spec["env"]]
    limits = {name: amount for name, amount in spec["resources"]["limits"].items() if name != "nvidia.com/gpu"}
    spec["resources"] = spec["resources"] | {"limits": limits}
    for name in ("nodeSelector", "tolerations"):
        spec.pop(name, None)
    return config | {"spec": spec}


def render(text: str, name: str, *, cpu: bool) -> str:
    """The function.yaml to deploy from the text of this repository's: under this name, and for the CPU if asked."""
    config = yaml.safe_load(text)
    config["metadata"]["name"] = name
    return yaml.safe_dump(for_cpu(config) if cpu else config, sort_keys=False, width=1000)


def main(arguments: list[str]) -> int:
    match arguments:
        case [name, *rest] if rest in ([], ["--cpu"]):
            print(render(sys.stdin.read(), name, cpu=bool(rest)), end="")
            return 0
        case _:
            print((__doc__ or "").splitlines()[2], file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
