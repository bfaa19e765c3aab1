"""deploy.sh: deploys the function to Nuclio and checks it with one real face, or scales or deletes it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from faceblur.base.errors import FaceblurError, UsageError
from faceblur.base.lasting_streams import lasting_streams
from faceblur.detection.deployment import before_build, smoke_check
from faceblur.detection.deployment.cluster import Cluster
from faceblur.detection.deployment.deploy_options import DEFAULT_PROJECT, DeployOptions, parse
from faceblur.detection.deployment.deployment import Deployment
from faceblur.detection.deployment.fleet import apply_fleet, check_fleet, read_fleet
from faceblur.detection.deployment.plan import Plan
from faceblur.detection.deployment.platform_tools import DeployFailed, PlatformTools, missing
from faceblur.detection.deployment.reach import find_address, logs, reachable
from faceblur.detection.deployment.usage import next_steps
from faceblur.detection.deployment.watch import NeverReady, Watch
from faceblur.detection.local_function.function_yaml import find_function_yaml

LONGEST_SAID = 4000  # characters of what a failing tool said


def say(line: str) -> None:
    """One line of progress."""
    print(line, flush=True)


def main(arguments: list[str]) -> int:
    """The exit code: 0 done, 1 failed, 2 a wrong call, 130 interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with lasting_streams() as output:
        code = _run(arguments)
        if loss := output.loss():
            print(f"error: {loss}", file=sys.stderr)
            code = code or 1
    return code


def _run(arguments: list[str]) -> int:
    try:
        options = parse(arguments)
        tools = PlatformTools(options.platform, options.namespace)
        if options.delete:
            delete(options, tools)
        elif options.scale:
            scale(options, tools, options.scale)
        elif options.dry_run:
            dry_run(options, tools)
        else:
            deploy(options, tools)
    except KeyboardInterrupt:
        return 130
    except UsageError as error:
        print(f"error: {error}\nSee ./deploy.sh --help", file=sys.stderr)
        return 2
    except FaceblurError as error:
        _print_failure(error)
        return 1
    return 0


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _print_failure(error: FaceblurError) -> None:
    """What the tool said, then the cause and the next steps: they are the last lines."""
    said, hints = (error.said, error.hints) if isinstance(error, DeployFailed) else ("", ())
    if said.strip():
        print(said.rstrip()[-LONGEST_SAID:], file=sys.stderr)
    print(f"error: {error}", *(f"  {hint}" for hint in hints), sep="\n", file=sys.stderr)


def deploy(options: DeployOptions, tools: PlatformTools) -> None:
    """Deploy, and check what was deployed. Raises FaceblurError."""
    if options.gate:
        _check_labels(options.gate)
    fleet = read_fleet(options.fleet, tools) if options.fleet else None
    if fleet:
        check_fleet(fleet, options.name, options.namespace)
    plan = before_build.look(options, tools, say)
    before_build.create_project(tools, plan.project, say)
    image = options.image
    if options.gate:
        image = _pass_the_gate(options, plan, tools)
    deployment = Deployment(options, plan, tools, say, name=options.name, replicas=plan.replicas, image=image)
    say(f"Deploying {options.name}" + ("" if image else ": a first build takes several minutes"))
    deployment.run()
    address = find_address(tools, options.name)
    say(f"Checking {options.name} with one real face")
    with reachable(tools, options.name, address) as url:
        _check(options, tools, url, address.url)
    if fleet:
        apply_fleet(fleet, say)
    for line in next_steps(options, address):
        say(line)


def _check(options: DeployOptions, tools: PlatformTools, url: str, shown: str) -> None:
    try:
        say(asyncio.run(smoke_check.check(url)))
    except FaceblurError as error:
        raise DeployFailed(
            f"{options.name} is deployed at {shown} but failed the check: {error}",
            f"See its log:  {logs(tools, options.name)}",
            f"Try again:  curl {url}/check",
            "Until it passes, don't use it for footage that matters.",
        ) from None


def _check_labels(gate: Path) -> None:
    """Before the build, which takes minutes: the labels must be there and complete."""
    root = find_function_yaml().parent
    if importlib.util.find_spec("faster_coco_eval") is None and subprocess.call(
        ["make", "--silent", "-C", str(root), ".venv/evaluate.done"], stdout=sys.stderr
    ):
        raise DeployFailed("could not install what --gate needs", "See the lines above:  make .venv/evaluate.done")
    code = subprocess.call([sys.executable, "-P", "-m", "faceblur.evaluation.datasets", str(gate)])
    if code:
        raise SystemExit(code)


def _evaluation(options: DeployOptions, url: str) -> list[str]:
    found = ["evaluate", str(options.gate), "--min-recall", str(options.min_recall), "--function", url]
    return [sys.executable, "-P", "-m", "faceblur", *found]


def _pass_the_gate(options: DeployOptions, plan: Plan, tools: PlatformTools) -> str:
    """The image of a candidate that detects enough of the labelled faces. Raises DeployFailed for one that does not."""
    name = f"{options.name}-gate"
    candidate = Deployment(options, plan, tools, say, name=name, replicas=1, image=options.image)
    say(f"Deploying the candidate {name}" + ("" if options.image else ": a first build takes several minutes"))
    try:
        # A tag of its own: else a restarted pod of the function would pull the next candidate.
        candidate.run(time.strftime("%Y%m%d-%H%M%S", time.gmtime()))
        address = find_address(tools, name)
        say(f"Evaluating {name} on {options.gate}")
        with reachable(tools, name, address) as url:
            passed = subprocess.call(_evaluation(options, url)) == 0
        if not passed:
            raise DeployFailed(
                f"{name} did not pass: {options.name} was not deployed, what ran before still runs",
                f"Its image is {address.image}.",
            )
        return address.image
    finally:  # before the function itself, which may need its GPU
        answer = tools.ask(tools.nuctl("delete", "function", name, "--force"))
        if not answer:
            print(answer.text.rstrip(), file=sys.stderr)
            command = " ".join(tools.nuctl("delete", "function", name))
            print(f"warning: {name} could not be deleted, and may hold a GPU:  {command}", file=sys.stderr)


def scale(options: DeployOptions, tools: PlatformTools, replicas: int) -> None:
    """Change the number of pods; those that run go on. Raises FaceblurError."""
    if not tools.has_kubectl:
        raise missing("kubectl")
    cluster = Cluster(tools, options.name)
    now = cluster.resource()
    if now is None:
        raise DeployFailed(
            f"there is no function {options.name} in namespace {tools.namespace}, or it may not be seen",
            f"The functions that are there:  {' '.join(tools.nuctl('get', 'function'))}",
        )
    state = (now.get("status") or {}).get("state")
    if state not in ("ready", "error", "unhealthy", "scaledToZero"):
        raise DeployFailed(f"{options.name} is being deployed (its state is {state})", "Wait until that ends.")
    seconds = float(now["spec"].get("readinessTimeoutSeconds") or 120)
    watch = Watch(tools, options.name, replicas, seconds, say)
    watch.keep_pods()
    spec = {"minReplicas": replicas, "maxReplicas": replicas, "replicas": None}
    cluster.patch({"spec": spec, "status": {"state": "waitingForResourceConfiguration"}})
    try:
        watch.wait()
    except NeverReady as never:
        reason = never.trouble.message if never.trouble else str(never)
        raise DeployFailed(
            f"{watch.ready} of {replicas} pods are ready: {reason}",
            f"The others still start as soon as they can; see {' '.join(tools.kubectl('get', 'pods'))}",
        ) from None
    say(f"{watch.ready} of {replicas} pods are ready")


def delete(options: DeployOptions, tools: PlatformTools) -> None:
    """Delete the function and its pods. Raises FaceblurError."""
    before_build.require_nuclio(tools)
    if before_build.find(tools, options.name) is None:
        raise DeployFailed(
            f"there is no function {options.name} in namespace {tools.namespace}",
            f"The functions that are there:  {' '.join(tools.nuctl('get', 'function'))}",
        )
    answer = tools.ask(tools.nuctl("delete", "function", options.name, "--force"), seconds=120)
    if not answer:
        raise tools.failed(f"{options.name} could not be deleted", answer)
    if tools.has_kubectl:
        Cluster(tools, options.name).end_start()
    say(f"{options.name} is deleted. Its images stay in the registry.")


def dry_run(options: DeployOptions, tools: PlatformTools) -> None:
    """Print what would be run and deployed. What only the cluster knows has its default."""
    registry = options.registry or os.environ.get("NUCTL_REGISTRY")
    plan = Plan(
        project=options.project or DEFAULT_PROJECT,
        replicas=options.replicas or 1,
        service_type=None if options.platform == "local" else options.service_type or "ClusterIP",
        port=options.port,
        registry=registry,
    )
    say("# commands; STAGE is a folder with the files below")
    say(f"{shlex.join(tools.nuctl('create', 'project', plan.project))}  # when the project is missing")
    image = options.image
    if options.gate:
        name = f"{options.name}-gate"
        candidate = Deployment(options, plan, tools, say, name=name, replicas=1, image=image)
        say(shlex.join(candidate.command("STAGE", "TIME")))
        say(shlex.join(_evaluation(options, f"URL-OF-{name}")))
        say(shlex.join(tools.nuctl("delete", "function", name, "--force")))
        image = image or f"IMAGE-OF-{name}"
    deployment = Deployment(options, plan, tools, say, name=options.name, replicas=plan.replicas, image=image)
    if deployment.by_resource:
        say(f"{shlex.join(tools.kubectl('replace', '--filename', 'STAGE/function.yaml'))}  # or create, with the image")
    else:
        say(shlex.join(deployment.command("STAGE")))
    say(shlex.join(tools.nuctl("get", "function", options.name, "-o", "json")))
    forward = shlex.join(tools.kubectl("port-forward", f"svc/nuclio-{options.name}", ":8080"))
    say(f"{forward}  # when the function has no external address")
    say("curl URL/check  # one real face")
    if options.fleet:
        say(shlex.join(["kubectl", "apply", "--kustomize", str(options.fleet)]))
    say("# staged files")
    source = find_function_yaml().parent / "function" / "faceblur_function"
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            say(f"./faceblur_function/{path.relative_to(source)}")
    say("# function.yaml")
    say(deployment.deployed().rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
