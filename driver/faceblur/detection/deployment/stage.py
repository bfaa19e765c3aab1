"""Writes what the function's image is built from into a folder. deploy.sh does it for nuctl, which builds by itself.

`python -m faceblur.detection.deployment.stage FOLDER [--cpu]` adds a Dockerfile, which gives the image that nuctl would
build: `docker build FOLDER` needs neither nuctl (whose `build` crashes in 1.14.1) nor a cluster.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

import faceblur_function
from faceblur.detection.deployment.render_function_yaml import render
from faceblur.detection.local_function.function_yaml import find_function_yaml

NUCLIO = "1.14.1"
# As Nuclio's own Dockerfile installs its packages, without the network.
INSTALL_NUCLIO = (
    "RUN python /opt/nuclio/whl/$(basename /opt/nuclio/whl/pip-*.whl)/pip install pip --no-index "
    "--find-links /opt/nuclio/whl && python -m pip install nuclio-sdk msgpack --no-index --find-links /opt/nuclio/whl"
)


def stage(folder: Path, function_yaml: str) -> None:
    """Write the function's package, and function.yaml with this text, into a folder."""
    source = Path(faceblur_function.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, folder / source.name, ignore=ignore, dirs_exist_ok=True)
    (folder / "function.yaml").write_text(function_yaml)


def dockerfile(config: dict[str, Any]) -> str:
    """The Dockerfile of a function.yaml, for kube: without the health check of the local platform."""
    build, runtime = config["spec"]["build"], config["spec"]["runtime"].removeprefix("python:")
    before, after = (
        [f"{step['kind']} {step['value']}" for step in build["directives"][name]] for name in ("preCopy", "postCopy")
    )
    lines = [
        f"FROM quay.io/nuclio/handler-builder-python-onbuild:{NUCLIO}-amd64 AS nuclio",
        f"FROM {build['baseImage']}",
        *before,
        "COPY --from=nuclio /home/nuclio/bin/processor /usr/local/bin/processor",
        "COPY --from=nuclio /home/nuclio/bin/py /opt/nuclio/",
        f"COPY --from=nuclio /home/nuclio/bin/py{runtime}-whl /opt/nuclio/whl",
        "COPY . /opt/nuclio",
        INSTALL_NUCLIO,
        *after,
        'CMD ["processor"]',
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    match arguments:
        case [name, *rest] if rest in ([], ["--cpu"]):
            folder, text = Path(name), render(find_function_yaml().read_text(), "faceblur", cpu=bool(rest))
            stage(folder, text)
            (folder / "Dockerfile").write_text(dockerfile(yaml.safe_load(text)))
            (folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
            return 0
        case _:
            print("usage: python -m faceblur.detection.deployment.stage FOLDER [--cpu]", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
