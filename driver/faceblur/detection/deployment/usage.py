"""What deploy.sh prints at the end: how to use what it has deployed."""

from __future__ import annotations

from faceblur.detection.deployment.deploy_options import DeployOptions
from faceblur.detection.deployment.reach import Address


def next_steps(options: DeployOptions, address: Address) -> list[str]:
    """The lines with the `faceblur run` commands for this address."""
    if address.direct:
        return ["", f"Use it:  .venv/bin/faceblur run --function {address.url} VIDEOS -o OUTDIR"]
    lines = ["", f"Use it inside the cluster:  faceblur run --function {address.url} VIDEOS -o OUTDIR"]
    if address.node_port:
        url = f"http://ANY-NODE:{address.node_port}"
        return [*lines, f"From outside:  .venv/bin/faceblur run --function {url} VIDEOS -o OUTDIR"]
    forward = f"kubectl --namespace {options.namespace} port-forward svc/nuclio-{options.name} 8080:8080"
    return [
        *lines,
        # A forwarded port leads to a single pod, however many there are.
        f"From here, through one pod:  {forward}",
        "  and then:  .venv/bin/faceblur run --function http://127.0.0.1:8080 VIDEOS -o OUTDIR",
    ]
