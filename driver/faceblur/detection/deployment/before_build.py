"""Looks at the cluster before anything is built: what runs there, who works on it, whether a deployment can work."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable

from faceblur.base.errors import UsageError
from faceblur.detection.deployment.cluster import RESOURCE, Cluster
from faceblur.detection.deployment.deploy_options import DeployOptions
from faceblur.detection.deployment.local_store import LocalStore
from faceblur.detection.deployment.nuctl_answers import Standing, standing
from faceblur.detection.deployment.plan import Plan, plan
from faceblur.detection.deployment.platform_tools import DeployFailed, PlatformTools, missing

# A deployment that nobody ended changes its function's resource no more; one that builds does so for long, too.
ABANDONED_SECONDS = 1200.0
PULL_SECONDS = 3600.0
Say = Callable[[str], None]


def look(options: DeployOptions, tools: PlatformTools, say: Say) -> Plan:
    """The plan of this deployment; what will change is said. Raises DeployFailed for what cannot work."""
    if options.platform == "local" or not options.image:
        builds_elsewhere = os.environ.get("NUCLIO_CONTAINER_BUILDER_KIND", "docker") != "docker"
        if not builds_elsewhere and shutil.which("docker") is None:
            raise missing("docker")
    elif not tools.has_kubectl:
        raise missing("kubectl")
    require_nuclio(tools)
    if options.platform == "local" and options.image:
        _require_local_image(options.image, tools, say)
    before = find(tools, options.name)
    planned = plan(options, before)
    if before and before.is_provisioned:
        _take_over(before, options, tools, say)
    if tools.has_kubectl:
        cluster = Cluster(tools, options.name)
        cluster.require_controller()
        if before and before.state in ("error", "unhealthy"):
            cluster.end_start()
    if before:
        say(f"{options.name} is there in the project {planned.project} ({before.state}), and is replaced")
        for change in planned.changes:
            say(f"  {change}")
    return planned


def _require_local_image(image: str, tools: PlatformTools, say: Say) -> None:
    """Raises DeployFailed for an image that the local platform cannot run: it ends the container of before first."""
    look = ["docker", "image", "inspect", "--format", "{{json .Config.Healthcheck}}", image]
    found = tools.ask(look)
    if not found:
        say(f"pulling {image}")
        pulled = tools.ask(["docker", "pull", image], seconds=PULL_SECONDS)
        if not pulled:
            raise tools.failed(f"docker cannot pull {image}", pulled, "Is its name right, and are you logged in?")
        found = tools.ask(look)
    if found.text.strip() in ("", "null"):
        raise DeployFailed(
            f"{image} has no HEALTHCHECK, so it was built for Kubernetes: Nuclio's local platform cannot run it",
            "Build one for this platform: leave --image out.",
        )


def require_nuclio(tools: PlatformTools) -> None:
    """Raises DeployFailed where nuctl reaches no Nuclio."""
    # For a missing project older releases exit with 0 and print "No projects found", newer ones exit with 1: so all
    # projects are listed first.
    answer = tools.ask(tools.nuctl("get", "project"))
    if not answer:
        raise tools.failed(
            f"nuctl cannot reach Nuclio in namespace {tools.namespace}",
            answer,
            "Is this the right cluster, are you logged in to it?  kubectl config current-context",
            f"Does Nuclio run there?  kubectl --namespace {tools.namespace} get pods",
            "Another namespace?  ./deploy.sh --namespace NAME",
        )


def find(tools: PlatformTools, function: str) -> Standing | None:
    """The function as it stands; None if there is none. Raises DeployFailed."""
    answer = tools.ask(tools.nuctl("get", "function", function, "-o", "json"))
    try:
        return standing(answer.text)
    except UsageError:
        raise tools.failed(f"nuctl cannot describe {function}", answer) from None


def create_project(tools: PlatformTools, project: str, say: Say) -> None:
    """Create the project if it is missing. Raises DeployFailed."""
    answer = tools.ask(tools.nuctl("get", "project", project))
    if answer and re.search(rf"(?<![\w-]){re.escape(project)}(?![\w-])", answer.text):
        return
    say(f"Creating project {project}")
    created = tools.ask(tools.nuctl("create", "project", project))
    if not created and "already exists" not in created.text.lower():
        raise tools.failed(
            f"project {project} could not be created",
            created,
            f"Ask for the right to create nuclioprojects in namespace {tools.namespace},",
            f"or name a project that exists with --project; to list them:  {' '.join(tools.nuctl('get', 'project'))}",
        )


def _take_over(before: Standing, options: DeployOptions, tools: PlatformTools, say: Say) -> None:
    """Free a function that nobody works on any more. Raises DeployFailed when somebody may."""
    name, is_local = options.name, tools.platform == "local"
    delete = f"  {options.call('--delete', '--name', name)}"
    if not (is_local or tools.has_kubectl):
        raise DeployFailed(
            f"{name} is being deployed already (its state is {before.state})",
            "Wait until that ends; if nobody deploys it, delete it, and deploy it again:",
            delete,
        )
    cluster = LocalStore(tools, name) if is_local else Cluster(tools, name)
    seconds = cluster.unchanged_seconds()
    if seconds < ABANDONED_SECONDS and is_local:
        raise DeployFailed(
            f"{name} is being deployed already (its state has been {before.state} for {seconds / 60:.0f} min)",
            f"Wait until that ends. If nobody deploys it, delete it, or wait for {ABANDONED_SECONDS / 60:.0f} min:",
            delete,
        )
    if seconds < ABANDONED_SECONDS:
        patch = """--type merge --patch '{"status": {"state": "error"}}'"""
        raise DeployFailed(
            f"{name} is being deployed already (its state has been {before.state} for {seconds / 60:.0f} min)",
            "Wait until that ends. If nobody deploys it, this frees it and leaves its pods as they are:",
            f"  kubectl --namespace {tools.namespace} patch {RESOURCE} {name} {patch}",
        )
    say(f"{name} was left in the state {before.state} {seconds / 60:.0f} min ago: taking it over")
    cluster.release()
