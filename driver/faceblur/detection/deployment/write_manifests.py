"""Writes the resources in deploy/ that have a source: `python -m faceblur.detection.deployment.write_manifests`.

The function's come from function.yaml, the alerts of the Prometheus Operator from deploy/monitoring/alerts.yaml.

The tests compare them, so that the two stay equal.
"""

from __future__ import annotations

import sys

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


def alert_rule(text: str) -> str:
    """The resource of the Prometheus Operator with the rules of a rule file."""
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "faceblur"},
        "spec": yaml.safe_load(text),
    }
    header = "# From ../alerts.yaml, by `make manifests`. Change it there.\n"
    return header + yaml.safe_dump(resource, sort_keys=False, width=1000)


def main() -> int:
    source = find_function_yaml()
    deploy = source.parent / "deploy"
    written = manifests(source.read_text())
    written["monitoring/operator/rule.yaml"] = alert_rule((deploy / "monitoring/alerts.yaml").read_text())
    for path, content in written.items():
        target = deploy / path
        target.write_text(content)
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
