"""Writes the resources in deploy/ from function.yaml: `python -m faceblur.detection.deployment.write_manifests`.

The tests compare them, so that the two stay equal.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from faceblur.detection.deployment.render_function_yaml import manifest
from faceblur.detection.local_function.function_yaml import find_function_yaml

# The name that `images` in kustomization.yaml replaces.
IMAGE = "faceblur"
HEADER = "# From function.yaml, by `make manifests`. Change it there.\n"


def manifests(text: str) -> dict[str, str]:
    """The files below deploy/ by their path, from the text of function.yaml."""
    forms = {"function/function.yaml": False, "function-cpu/function.yaml": True}
    return {
        path: HEADER + yaml.safe_dump(manifest(text, "faceblur", IMAGE, cpu=cpu), sort_keys=False, width=1000)
        for path, cpu in forms.items()
    }


def main() -> int:
    source = find_function_yaml()
    for path, content in manifests(source.read_text()).items():
        target = Path(source.parent, "deploy", path)
        target.write_text(content)
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
