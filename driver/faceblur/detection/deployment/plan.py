"""What is deployed, decided before anything is built: what is asked for, and what stays as it is in the cluster."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

from faceblur.detection.deployment.deploy_options import DEFAULT_PROJECT, DeployOptions
from faceblur.detection.deployment.nuctl_answers import Standing
from faceblur.detection.deployment.platform_tools import DeployFailed
from faceblur.detection.local_function.function_yaml import LOCAL_ENV

GPU_MODEL = "retinaface-resnet50"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The settings of the deployment. `changes` says, a line each, what will differ from the function as it stands."""

    project: str
    replicas: int
    service_type: str | None
    port: int | None
    registry: str | None
    changes: tuple[str, ...] = ()


def plan(options: DeployOptions, before: Standing | None) -> Plan:
    """The plan for these options and the function as it stands. Raises DeployFailed for what cannot work."""
    now = before or Standing()
    project = options.project or now.project or DEFAULT_PROJECT
    if before and now.project and project != now.project:
        raise DeployFailed(
            f"{options.name} is deployed in the project {now.project}, and Nuclio does not move a function",
            f"Deploy another one:  {options.call('--project', project, '--name', f'{options.name}-{project}')}",
            f"or delete the one that is there:  {options.call('--delete', '--name', options.name)}",
        )
    registry = options.registry or os.environ.get("NUCTL_REGISTRY") or now.registry
    if options.needs_registry and not registry:
        raise DeployFailed(
            "without --registry no node can pull the image that is built here",
            "Name one that this machine may push to and the nodes pull from:  --registry registry.example.com/videos",
            "or deploy an image that is there already:  --image IMAGE",
        )
    if options.platform == "local":
        if options.port not in (None, now.port) and _is_used(options.port):
            raise DeployFailed(
                f"--port {options.port}: something on this machine listens there",
                "Name another port, or leave --port out: then it is a free one, or the function's own.",
            )
        return Plan(
            project=project,
            replicas=1,
            service_type=None,
            port=options.port or now.port or free_port(),
            registry=options.registry,
            changes=_changes(options, now, 1, None),
        )
    replicas = options.replicas or now.replicas or 1
    service_type = options.service_type or ("NodePort" if options.port else None) or now.service_type or "ClusterIP"
    return Plan(
        project=project,
        replicas=replicas,
        service_type=service_type,
        port=(options.port or now.port) if service_type == "NodePort" else None,
        registry=registry if options.needs_registry else None,
        changes=_changes(options, now, replicas, service_type),
    )


def _changes(options: DeployOptions, now: Standing, replicas: int, service_type: str | None) -> tuple[str, ...]:
    """What differs from the function as it stands; nothing where there is none."""
    model = LOCAL_ENV["MODEL"] if options.cpu else GPU_MODEL
    pairs = [
        ("model", now.model, model),
        ("replicas", now.replicas if options.platform == "kube" else None, replicas),
        ("service type", now.service_type if service_type else None, service_type),
        ("port", now.port if options.port else None, options.port),
        ("image", now.image if options.image else None, options.image),
    ]
    return tuple(f"{name}: {old} becomes {new}" for name, old, new in pairs if old is not None and old != new)


def _is_used(port: int) -> bool:
    """Whether something on this machine listens at a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not count
        try:
            probe.bind(("", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
