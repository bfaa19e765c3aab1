"""The options of deploy.sh, whose `--help` describes them."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from faceblur.base.errors import UsageError

DEFAULT_PROJECT = "faceblur"
LARGEST_PORT = 65535
# Kubernetes takes 63 characters, and the longest name that is made of it is `nuclio-NAME-gate`.
LONGEST_NAME = 51
IMAGE = re.compile(r"([\w.-]+(:\d+)?/)?[a-z0-9._/-]+(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOptions:
    """What was asked for. None: not said, so that it stays as it is in the cluster, or gets its default."""

    namespace: str = "nuclio"
    project: str | None = None
    name: str = "faceblur"
    registry: str | None = None
    replicas: int | None = None
    service_type: str | None = None
    port: int | None = None
    cpu: bool = False
    platform: str = "kube"
    image: str | None = None
    gate: Path | None = None
    min_recall: str | None = None
    fleet: Path | None = None
    scale: int | None = None
    delete: bool = False
    dry_run: bool = False

    def call(self, *arguments: str) -> str:
        """A call of deploy.sh for the same platform and namespace."""
        named = [("--platform", self.platform, "kube"), ("--namespace", self.namespace, "nuclio")]
        same = [word for option, value, default in named if value != default for word in (option, value)]
        return " ".join(["./deploy.sh", *same, *arguments])

    @property
    def needs_registry(self) -> bool:
        """Whether an image is built that nodes have to pull."""
        return self.platform == "kube" and self.image is None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(arguments: list[str]) -> DeployOptions:
    """The options of a command line. Raises UsageError."""
    parser = _Parser(prog="deploy.sh", add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for name in ("namespace", "project", "name", "registry", "image", "min-recall"):
        parser.add_argument(f"--{name}", type=_text)
    for name in ("replicas", "port", "scale"):
        parser.add_argument(f"--{name}", type=_number)
    parser.add_argument("--service-type", choices=("ClusterIP", "NodePort"))
    parser.add_argument("--platform", choices=("kube", "local"))
    for name in ("gate", "fleet"):
        parser.add_argument(f"--{name}", type=Path)
    for name in ("cpu", "delete", "dry-run"):
        parser.add_argument(f"--{name}", action="store_true")
    options = DeployOptions(**vars(parser.parse_args(arguments)))
    _check(options)
    return options


def _text(value: str) -> str:
    if not value or value.startswith("--"):
        raise argparse.ArgumentTypeError("needs a value")
    return value


def _number(value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", value):
        raise argparse.ArgumentTypeError(f"{value} is no whole number from 1 on")
    return int(value)


def _check(options: DeployOptions) -> None:
    """Refuse what cannot work, before anything is done."""
    local = options.platform == "local"
    refusals: list[tuple[Any, str]] = [
        (
            not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", options.name) or len(options.name) > LONGEST_NAME,
            f"--name {options.name}: small letters, digits and hyphens, at most {LONGEST_NAME}",
        ),
        (
            options.registry and re.match(r"https?://", options.registry),
            f"--registry {options.registry}: without http:// or https://",
        ),
        ((options.gate is None) != (options.min_recall is None), "--gate and --min-recall go together"),
        (
            options.min_recall and not re.fullmatch(r"0(\.[0-9]+)?|1(\.0+)?", options.min_recall),
            f"--min-recall {options.min_recall}: from 0 to 1",
        ),
        (options.gate and not options.gate.exists(), f"--gate {options.gate}: no such file or directory"),
        (
            local and (options.replicas or 1) > 1,
            f"--replicas {options.replicas}: the local platform runs one container",
        ),
        (local and options.scale, "--scale: the local platform runs one container"),
        (local and options.service_type, "--service-type is for Kubernetes; see --port"),
        (options.port and options.port > LARGEST_PORT, f"--port {options.port}: from 1 to {LARGEST_PORT}"),
        (
            options.port and not local and options.service_type == "ClusterIP",
            "--port on Kubernetes is that of --service-type NodePort",
        ),
        (options.image and not IMAGE.fullmatch(options.image), f"--image {options.image}: REGISTRY/IMAGE:TAG"),
        (options.image and options.registry, "--image is there already: without --registry"),
        (local and options.fleet, "--fleet is for Kubernetes"),
        (
            options.fleet and not (options.fleet / "kustomization.yaml").is_file(),
            f"--fleet {options.fleet}: no folder with a kustomization.yaml; see deploy/fleet",
        ),
        *_not_for_a_deployment(options),
    ]
    for refused, reason in refusals:
        if refused:
            raise UsageError(reason)


def _not_for_a_deployment(options: DeployOptions) -> list[tuple[Any, str]]:
    """What --delete and --scale do not take: what they would pass over in silence, and --dry-run above all."""
    given = {one.name for one in fields(options) if getattr(options, one.name) != one.default}
    return [
        (others, f"--{action} goes with --platform, --namespace and --name only: without --{min(others, default='')}")
        for action in ("delete", "scale")
        if action in given
        for others in [{name.replace("_", "-") for name in given - {action, "platform", "namespace", "name"}}]
    ]
