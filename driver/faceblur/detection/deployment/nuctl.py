"""What deploy.sh needs of Python: the function.yaml to deploy, and the address and the image in nuctl's answer.

`python -m faceblur.detection.deployment.nuctl render NAME [--cpu] < function.yaml`, or `address` or `image` in place of
`render`, with nuctl's JSON as standard input.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import yaml

from faceblur.base.errors import UsageError
from faceblur.detection.local_function.function_yaml import LOCAL_ENV

# The image of `--cpu`: the versions are those of constraints.txt.
CPU_BUILD = {
    "baseImage": "python:3.11-slim",
    "directives": {
        "preCopy": [
            {"kind": "ENV", "value": "PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 FACEBLUR_CACHE=/opt/faceblur"},
            {
                "kind": "RUN",
                "value": "python -m pip install numpy==2.4.6 opencv-python-headless==5.0.0.93 "
                "\"onnxruntime-openvino==1.24.1 ; platform_machine == 'x86_64'\" "
                "\"onnxruntime==1.31.1 ; platform_machine != 'x86_64'\" "
                "pillow==13.0.0 pydantic==2.14.3 && useradd --uid 1000 --create-home faceblur",
            },
        ],
    },
}


def for_cpu(config: dict[str, Any]) -> dict[str, Any]:
    """function.yaml's content for a cluster without GPUs: the MobileNet on ONNX Runtime, on any node."""
    spec = dict(config["spec"])
    after = [
        step | {"value": step["value"].replace("retinaface-resnet50", LOCAL_ENV["MODEL"])}
        for step in spec["build"]["directives"]["postCopy"]
    ]
    spec["build"] = CPU_BUILD | {"directives": CPU_BUILD["directives"] | {"postCopy": after}}  # type: ignore[operator]
    spec["env"] = [item | {"value": LOCAL_ENV.get(item["name"], item["value"])} for item in spec["env"]]
    limits = {name: amount for name, amount in spec["resources"]["limits"].items() if name != "nvidia.com/gpu"}
    spec["resources"] = spec["resources"] | {"limits": limits}
    for name in ("nodeSelector", "tolerations"):
        spec.pop(name, None)
    return config | {"spec": spec}


def render(text: str, name: str, *, cpu: bool) -> str:
    """function.yaml as it is deployed: under this name, and for the CPU if asked."""
    config = yaml.safe_load(text)
    config["metadata"]["name"] = name
    return yaml.safe_dump(for_cpu(config) if cpu else config, sort_keys=False, width=1000)


def address(answer: str) -> tuple[str, str, int]:
    """How to reach the function that `nuctl get function NAME -o json` described: (way, URL, node port).

    The way is `direct` for a URL that this machine can call, `forward` for one inside the cluster; the port is 0 when
    no node has one. Raises UsageError when the function is not ready or has no address.
    """
    status = _described(answer)["status"]
    try:
        state, port = status.get("state", ""), int(status.get("httpPort") or 0)
        external, internal = status.get("externalInvocationUrls") or [], status.get("internalInvocationUrls") or []
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError("nuctl's answer holds no function with a status") from error
    if state != "ready":
        raise UsageError(f"the function's state is {state!r}, not 'ready'")
    if external:
        # The docker platform says 0.0.0.0 for the ports that it publishes here.
        return "direct", "http://" + external[0].replace("0.0.0.0", "127.0.0.1").rstrip("/"), port
    if internal:
        return "forward", f"http://{internal[0]}", port
    raise UsageError("the function is ready but has no invocation URL")


def image(answer: str) -> str:
    """The image that runs, of the function that `nuctl get function NAME -o json` described. Raises UsageError."""
    config = _described(answer)
    # The status has it with its registry; older releases only put that into the spec.
    found = config["status"].get("containerImage") or config.get("spec", {}).get("image")
    if not found:
        raise UsageError("nuctl's answer holds no image")
    return str(found)


def _described(answer: str) -> dict[str, Any]:
    try:
        # Log lines may stand around the object, and older releases print a list of one.
        start = re.search(r"^[\s\[]*(?={)", answer, re.MULTILINE)
        config, _ = json.JSONDecoder().raw_decode(answer, start.end() if start else 0)
        if not isinstance(config["status"], dict):
            raise TypeError("no status")
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError("nuctl's answer holds no function with a status") from error
    return dict(config)


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["render", name, *rest] if rest in ([], ["--cpu"]):
                print(render(sys.stdin.read(), name, cpu=bool(rest)), end="")
            case ["address"]:
                print(*address(sys.stdin.read()))
            case ["image"]:
                print(image(sys.stdin.read()))
            case _:
                print("\n".join((__doc__ or "").splitlines()[2:4]), file=sys.stderr)
                return 2
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
