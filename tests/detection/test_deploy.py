"""deploy.sh against stand-ins for nuctl and kubectl that record their arguments, and function.yaml against Nuclio's
field names. The smoke check runs against the real function on this machine. No test can reach a cluster: the PATH
holds nothing but the stand-ins and the tools that the script needs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from faceblur.base.errors import FunctionError, UsageError
from faceblur.detection.deployment import nuctl as deploy
from faceblur.detection.deployment import smoke_check as smoke
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function import wire
from faceblur_function.images import decode_image, encode_image
from faceblur_function.service import Service
from faceblur_function.settings import Settings
from faceblur_function.weights import SOURCES

ROOT = Path(__file__).parents[2]
TOOLS = [
    "bash",
    "cat",
    "cp",
    "date",
    "dirname",
    "env",
    "find",
    "grep",
    "make",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "sleep",
    "sort",
]
IMAGE = "registry.example.com/videos/faceblur:1"
SERVED_INSIDE = ["nuclio-faceblur.nuclio.svc.cluster.local:8080"]

NUCTL = """\
#!/bin/bash
printf '%s\\n' "$*" >>"$RECORD/nuctl"
shift 4  # --platform P --namespace N
case "$*" in
"get project") [ -z "$NO_CLUSTER" ] || { echo "Failed to initialize root: no configuration" >&2; exit 1; } ;;
"get project "*)
    if [ -n "$PROJECT_EXISTS" ]; then echo " nuclio | $3 | "; exit; fi
    echo "No projects found"; exit "${MISSING_RC:-0}" ;;
"create project "*) [ -z "$CREATE_SAYS" ] || { echo "$CREATE_SAYS" >&2; exit 1; } ;;
"deploy "*)
    [ -z "$DEPLOY_FAILS" ] || { echo "Failed to deploy: ImagePullBackOff" >&2; exit 1; }
    name=$2
    while [ "$1" != --file ]; do shift; done
    rm -rf "$RECORD/$name"
    cp -R "$(dirname "$2")" "$RECORD/$name" ;;
"delete function "*) [ -z "$DELETE_FAILS" ] || { echo "forbidden" >&2; exit 1; } ;;
"get function "*) cat "$RECORD/function.json" ;;
esac
"""

KUBECTL = """\
#!/bin/bash
printf '%s\\n' "$*" >>"$RECORD/kubectl"
[ -z "$FORWARD_FAILS" ] || { echo "error: services \\"nuclio-faceblur\\" is forbidden" >&2; exit 1; }
echo $$ >"$RECORD/kubectl.pid"
echo "Forwarding from 127.0.0.1:$LOCAL_PORT -> 8080"
exec sleep 600
"""


class Sandbox:
    """A machine with nuctl, kubectl and a few tools, and a cluster whose function is at `port`."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.record = folder / "bin", folder / "record"
        self.bin.mkdir()
        self.record.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        for name, text in (("nuctl", NUCTL), ("kubectl", KUBECTL)):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(folder),
            "TMPDIR": str(self.temporary),
            "RECORD": str(self.record),
            "KUBECONFIG": str(folder / "none"),
        }

    def answer(self, *, state: str = "ready", external: list[str] | None = None, port: int = 0) -> None:
        """What `nuctl get function` prints; without an external address the function is inside the cluster only."""
        status = {"state": state, "httpPort": port, "internalInvocationUrls": SERVED_INSIDE}
        status["externalInvocationUrls"] = external or []
        status["containerImage"] = IMAGE
        (self.record / "function.json").write_text(json.dumps({"metadata": {"name": "faceblur"}, "status": status}))

    def run(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / "deploy.sh"), *options],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.temporary,
        )

    def calls(self, tool: str) -> list[str]:
        record = self.record / tool
        return record.read_text().splitlines() if record.exists() else []


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path)
    made.answer()
    yield made
    pid = made.record / "kubectl.pid"
    if pid.exists():
        with suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.fixture(scope="module")
def function() -> Iterator[str]:
    """The address of the real function, on this machine."""
    urls: list[str] = []
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with LocalFunction(read_config(find_function_yaml(), workers=1)) as running:
            urls.append(running.url)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(60)
    yield urls[0]
    done.set()
    thread.join(20)


def host(url: str) -> str:
    return url.removeprefix("http://")


def local_port(url: str) -> str:
    return url.rsplit(":", 1)[1]


def test_a_deployment_creates_the_project_stages_what_is_needed_and_checks_a_face(
    sandbox: Sandbox, function: str
) -> None:
    sandbox.answer(external=[host(function)], port=30080)
    done = sandbox.run("--registry", "registry.example.com/videos", "--replicas", "3", "--service-type", "NodePort")
    assert (done.returncode, done.stderr) == (0, "")
    shared = "--platform kube --namespace nuclio"
    calls = sandbox.calls("nuctl")
    stage = re.search(r"--path (\S+)", calls[3])
    assert stage
    assert calls == [
        f"{shared} get project",
        f"{shared} get project faceblur",
        f"{shared} create project faceblur",
        f"{shared} deploy faceblur --project-name faceblur --path {stage[1]} --registry registry.example.com/videos"
        f" --file {stage[1]}/function.yaml --min-replicas 3 --max-replicas 3 --http-trigger-service-type NodePort",
        f"{shared} get function faceblur -o json",
    ]
    assert sandbox.calls("kubectl") == []
    stage_folder = sandbox.record / "faceblur"
    staged = {str(path.relative_to(stage_folder)) for path in stage_folder.rglob("*.*")}
    assert staged == {"function.yaml"} | {
        str(path.relative_to(ROOT / "function"))
        for path in (ROOT / "function" / "faceblur_function").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    deployed = yaml.safe_load((stage_folder / "function.yaml").read_text())
    assert deployed == yaml.safe_load((ROOT / "function.yaml").read_text())
    assert "came back blurred" in done.stdout
    assert f"faceblur run --function {function} VIDEOS" in done.stdout
    assert list(sandbox.temporary.iterdir()) == []


@pytest.mark.parametrize("missing_rc", ["0", "1"])
def test_an_existing_project_is_left_alone(sandbox: Sandbox, function: str, missing_rc: str) -> None:
    sandbox.answer(external=[host(function)])
    done = sandbox.run("--project", "cvat", "--namespace", "tools", PROJECT_EXISTS="yes", MISSING_RC=missing_rc)
    assert done.returncode == 0
    assert not [call for call in sandbox.calls("nuctl") if "create" in call]
    assert all("--namespace tools" in call for call in sandbox.calls("nuctl"))
    again = sandbox.run("--project", "cvat", MISSING_RC=missing_rc)
    assert again.returncode == 0
    assert sandbox.calls("nuctl")[-3].endswith("create project cvat")


def test_a_project_that_another_deployment_just_created_is_fine(sandbox: Sandbox, function: str) -> None:
    sandbox.answer(external=[host(function)])
    assert sandbox.run(CREATE_SAYS='nuclioprojects "faceblur" already exists').returncode == 0


def test_a_function_inside_the_cluster_is_checked_through_a_forwarded_port(sandbox: Sandbox, function: str) -> None:
    done = sandbox.run("--name", "blur2", "--namespace", "tools", LOCAL_PORT=local_port(function))
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.calls("kubectl") == ["--namespace tools port-forward svc/nuclio-blur2 :8080"]
    assert f"--function http://{SERVED_INSIDE[0]} VIDEOS" in done.stdout
    assert "kubectl --namespace tools port-forward svc/nuclio-blur2 8080:8080" in done.stdout
    assert yaml.safe_load((sandbox.record / "blur2/function.yaml").read_text())["metadata"]["name"] == "blur2"
    assert_forward_is_over(sandbox)


def test_a_node_port_without_a_known_node_is_named(sandbox: Sandbox, function: str) -> None:
    sandbox.answer(port=30123)
    done = sandbox.run("--service-type", "NodePort", LOCAL_PORT=local_port(function))
    assert done.returncode == 0
    assert "--function http://ANY-NODE:30123 VIDEOS" in done.stdout


def test_docker_s_platform_is_reached_on_this_machine(sandbox: Sandbox, function: str) -> None:
    sandbox.answer(external=[f"0.0.0.0:{local_port(function)}"], port=int(local_port(function)))
    assert f"--function {function} VIDEOS" in sandbox.run("--platform", "local").stdout
    sandbox.answer(port=int(local_port(function)))
    assert f"--function {function} VIDEOS" in sandbox.run("--platform", "local").stdout
    assert sandbox.calls("kubectl") == []


def test_a_dry_run_prints_everything_and_changes_nothing(sandbox: Sandbox) -> None:
    (sandbox.bin / "nuctl").unlink()
    done = sandbox.run("--dry-run", "--cpu", "--replicas", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nuctl --platform kube --namespace nuclio deploy faceblur --project-name faceblur" in done.stdout
    assert "--min-replicas 2 --max-replicas 2" in done.stdout
    assert "./faceblur_function/main.py" in done.stdout
    assert "__pycache__" not in done.stdout
    shown = yaml.safe_load(done.stdout.partition("# function.yaml\n")[2])
    assert shown["spec"]["build"]["baseImage"] == "python:3.11-slim"
    assert list(sandbox.record.iterdir()) == [sandbox.record / "function.json"]
    assert list(sandbox.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "state", "message", "hint"),
    [
        ({"NO_CLUSTER": "yes"}, "ready", "nuctl cannot reach Nuclio in namespace nuclio", "kubectl config current"),
        ({"CREATE_SAYS": "forbidden"}, "ready", "project faceblur could not be created", "get project"),
        ({"DEPLOY_FAILS": "yes"}, "ready", "the deployment of faceblur failed", "kubectl --namespace nuclio logs"),
        ({}, "unhealthy", "faceblur has no address to use", "kubectl --namespace nuclio logs"),
        ({"FORWARD_FAILS": "yes"}, "ready", "kubectl could not forward a port", "auth can-i create pods/portforward"),
    ],
)
def test_a_failure_says_what_to_do_next(
    sandbox: Sandbox, environment: dict[str, str], state: str, message: str, hint: str
) -> None:
    sandbox.answer(state=state)
    done = sandbox.run(**environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert hint in done.stderr
    assert "Use it" not in done.stdout
    assert list(sandbox.temporary.iterdir()) == []


def test_what_the_failing_command_said_is_shown(sandbox: Sandbox) -> None:
    assert "no configuration" in sandbox.run(NO_CLUSTER="yes").stderr
    assert "ImagePullBackOff" in sandbox.run(DEPLOY_FAILS="yes").stderr
    assert "forbidden" in sandbox.run(FORWARD_FAILS="yes").stderr


def test_a_missing_tool_is_named(sandbox: Sandbox) -> None:
    (sandbox.bin / "kubectl").unlink()
    assert "kubectl is not on the PATH" in sandbox.run().stderr
    (sandbox.bin / "nuctl").unlink()
    done = sandbox.run()
    assert done.returncode == 1
    assert "nuctl is not on the PATH" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--replicas", "0"],
        ["--replicas", "two"],
        ["--service-type", "LoadBalancer"],
        ["--platform", "swarm"],
        ["--name", "Face_Blur"],
        ["--registry", "https://registry.example.com"],
        ["--registry"],
        ["--namespace", "--cpu"],
        ["--no-such-option"],
        ["--gate", "/"],
        ["--min-recall", "0.9"],
        ["--gate", "/", "--min-recall", "1.5"],
        ["--gate", "/no/such/place", "--min-recall", "0.5"],
    ],
)
def test_a_wrong_call_does_nothing(sandbox: Sandbox, options: list[str]) -> None:
    done = sandbox.run(*options)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert sandbox.calls("nuctl") == []


def test_help_names_every_option(sandbox: Sandbox) -> None:
    done = sandbox.run("--help")
    handled = set(re.findall(r"^ +(--[a-z-]+)\)", (ROOT / "deploy.sh").read_text(), re.MULTILINE))
    assert done.returncode == 0
    assert handled >= {"--namespace", "--cpu", "--dry-run"}
    assert all(option in done.stdout for option in handled)


class Imposter:
    """An HTTP server that says it is the function, and answers with the picture as `answer` makes it."""

    def __init__(self, boxes: list[list[float]], *, paint: bool) -> None:
        self.boxes, self.paint = boxes, paint

    async def handle(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            info = wire.Info(
                version=wire.VERSION, model="m", device="cpu", weights_sha256="0" * 64, provider="p", threads=1,
                function="0", digests=False, limits=wire.Limits(),
            )  # fmt: skip
            return web.Response(text=info.model_dump_json())
        frame = decode_image(wire.decode_base64((await request.json())["frames"][0]))
        if self.paint:
            frame[:] = 0
        landmarks = [[1.0, 1.0]] * 5
        reply = {
            "version": wire.VERSION, "model": "m", "device": "cpu", "timings_ms": {},
            "frames": [wire.encode_base64(encode_image(frame, "png", 95))],
            "faces": [[{"box": box, "score": 0.9, "landmarks": landmarks} for box in self.boxes]],
        }  # fmt: skip
        return web.json_response(reply)

    async def check(self) -> str:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/", self.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return await smoke.check(f"http://127.0.0.1:{runner.addresses[0][1]}", patience=10)
        finally:
            await runner.cleanup()


@pytest.mark.parametrize(
    ("imposter", "reason"),
    [
        (Imposter([], paint=False), "no face was found"),
        (Imposter([[114, 57, 209, 177]], paint=False), "not blurred: 100% of its detail is left"),
        (Imposter([[114, 57, 209, 177]], paint=True), "changed outside the face"),
    ],
)
def test_the_check_fails_without_one_blurred_face(imposter: Imposter, reason: str) -> None:
    with pytest.raises(FunctionError, match=reason):
        asyncio.run(imposter.check())


def test_a_failed_check_fails_the_deployment_and_ends_the_forwarding(sandbox: Sandbox) -> None:
    done = sandbox.run(LOCAL_PORT="9")
    assert done.returncode == 1
    assert "failed the check" in done.stderr
    assert "cannot connect" in done.stderr
    assert "don't use it for footage" in done.stderr
    assert_forward_is_over(sandbox)
    assert list(sandbox.temporary.iterdir()) == []


def assert_forward_is_over(sandbox: Sandbox) -> None:
    pid = int((sandbox.record / "kubectl.pid").read_text())
    for _ in range(50):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    raise AssertionError("kubectl port-forward still runs")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """The picture of the smoke check, with its face and one that is not there: a recall of 0.5."""
    folder = tmp_path / "labels"
    folder.mkdir()
    shutil.copy(smoke.PICTURE, folder / "a.jpg")
    (folder / "x_bbx_gt.txt").write_text("a.jpg\n2\n114 57 95 120 0 0 0 0 0 0\n0 200 30 30 0 0 0 0 0 0\n")
    return folder


def test_a_candidate_that_passes_is_deployed_by_its_image(sandbox: Sandbox, function: str, labels: Path) -> None:
    options = ("--registry", "r.example.com/v", "--replicas", "2", "--gate", str(labels), "--min-recall", "0.5")
    done = sandbox.run(*options, LOCAL_PORT=local_port(function), PROJECT_EXISTS="yes")
    assert (done.returncode, done.stderr) == (0, "")
    calls = [call.removeprefix("--platform kube --namespace nuclio ") for call in sandbox.calls("nuctl")]
    first, last = (call for call in calls if call.startswith("deploy "))
    assert [call.split(" --")[0] for call in calls] == [
        "get project",
        "get project faceblur",
        "deploy faceblur-gate",
        "get function faceblur-gate -o json",
        "delete function faceblur-gate",
        "deploy faceblur",
        "get function faceblur -o json",
    ]
    assert re.search(r" --path \S+ --registry r\.example\.com/v --image faceblur:\d{8}-\d{6} --file ", first)
    assert "--min-replicas 1 --max-replicas 1" in first and "--min-replicas 2 --max-replicas 2" in last
    # nuctl would build another image with any of these.
    assert f" --run-image {IMAGE} --file " in last
    assert not re.search(r" --(path|image|registry) ", last)
    # What is deployed differs from what was measured by its name alone.
    candidate, deployed = (
        yaml.safe_load((sandbox.record / name / "function.yaml").read_text()) for name in ("faceblur-gate", "faceblur")
    )
    assert candidate["metadata"].pop("name") == "faceblur-gate" and deployed["metadata"].pop("name") == "faceblur"
    assert candidate == deployed
    assert [call.split()[3] for call in sandbox.calls("kubectl")] == ["svc/nuclio-faceblur-gate", "svc/nuclio-faceblur"]
    assert "labels: 1 images, 0 videos, 2 faces, 0 ignored" in done.stdout
    assert "came back blurred" in done.stdout
    assert list(sandbox.temporary.iterdir()) == []


def test_a_candidate_that_fails_is_deleted_and_nothing_else_is_touched(
    sandbox: Sandbox, function: str, labels: Path
) -> None:
    sandbox.answer(external=[host(function)])
    options = ("--gate", str(labels), "--min-recall", "0.51")
    done = sandbox.run(*options)
    assert done.returncode == 1
    assert "recall 0.5000 of faces of 16 and more pixels is below --min-recall 0.51" in done.stderr
    assert "faceblur was not deployed, what ran before still runs" in done.stderr
    calls = sandbox.calls("nuctl")
    assert calls[-1].endswith("delete function faceblur-gate")
    assert not [call for call in calls if " deploy faceblur " in call]
    done = sandbox.run(*options, DEPLOY_FAILS="yes", DELETE_FAILS="yes")
    assert done.returncode == 1 and "the deployment of faceblur-gate failed" in done.stderr
    assert "warning: faceblur-gate could not be deleted" in done.stderr
    assert sandbox.calls("nuctl")[-1].endswith("delete function faceblur-gate")
    assert list(sandbox.temporary.iterdir()) == []


def test_broken_labels_end_it_before_anything_is_built(sandbox: Sandbox, labels: Path) -> None:
    (labels / "a.jpg").unlink()
    done = sandbox.run("--gate", str(labels), "--min-recall", "0.5")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {labels / 'x_bbx_gt.txt'}: 1 of its 1 images are not in")
    assert sandbox.calls("nuctl") == []


def test_a_dry_run_shows_the_candidate_too(sandbox: Sandbox, labels: Path) -> None:
    done = sandbox.run("--dry-run", "--gate", str(labels), "--min-recall", "0.5")
    assert (done.returncode, done.stderr) == (0, "")
    assert "deploy faceblur-gate" in done.stdout and "--run-image IMAGE-OF-faceblur-gate" in done.stdout
    assert f"evaluate {labels} --min-recall 0.5 --function URL-OF-faceblur-gate" in done.stdout
    assert sandbox.calls("nuctl") == []


def test_the_image_is_read_from_the_status_or_the_spec() -> None:
    status = {"containerImage": "r/a:1"}
    assert deploy.image(json.dumps({"spec": {"image": "a:1"}, "status": status})) == "r/a:1"
    assert deploy.image(json.dumps([{"spec": {"image": "r/a:2"}, "status": {}}])) == "r/a:2"
    for text in ("", "{}", json.dumps({"status": {}}), json.dumps({"status": {"containerImage": ""}, "spec": {}})):
        with pytest.raises(UsageError):
            deploy.image(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No functions found",
        "{",
        '{"metadata": {}}',
        '{"status": {"state": "ready"}}',
        '{"status": {"httpPort": []}}',
    ],
)
def test_an_answer_without_an_address_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        deploy.address(text)


def test_log_lines_and_lists_around_the_answer_are_passed_over() -> None:
    status = {"status": {"state": "ready", "httpPort": 30001, "externalInvocationUrls": ["10.0.0.1:30001"]}}
    expected = ("direct", "http://10.0.0.1:30001", 30001)
    assert deploy.address(json.dumps(status, indent=2)) == expected
    assert deploy.address(f'26.01.01 nuctl (I) Got {{"n": 1}}\n{json.dumps(status)}\n') == expected
    assert deploy.address(json.dumps([status], indent=2)) == expected
    inside = {"status": {"state": "ready", "internalInvocationUrls": SERVED_INSIDE}}
    assert deploy.address(json.dumps(inside)) == ("forward", f"http://{SERVED_INSIDE[0]}", 0)


def gpu_config() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "function.yaml").read_text()))


def cpu_config() -> dict[str, Any]:
    return dict(yaml.safe_load(deploy.render((ROOT / "function.yaml").read_text(), "faceblur", cpu=True)))


def test_the_cpu_variant_needs_no_gpu_and_keeps_the_rest() -> None:
    gpu, cpu = gpu_config(), cpu_config()
    text = yaml.safe_dump(cpu).lower()
    assert not [word for word in ("nvidia", "cuda", "torch", "resnet", "apt-get") if word in text]
    env = {item["name"]: item["value"] for item in cpu["spec"]["env"]}
    assert (env["MODEL"], env["DEVICE"]) == ("retinaface-mobilenet0.25", "cpu")
    assert cpu["spec"]["build"]["directives"]["postCopy"][-1] == {"kind": "USER", "value": "1000"}
    assert cpu["spec"]["resources"]["limits"] == {"memory": "16Gi"}
    changed = {"build", "env", "resources", "nodeSelector", "tolerations"}
    assert {k: v for k, v in gpu["spec"].items() if k not in changed} == {
        k: v for k, v in cpu["spec"].items() if k not in changed
    }


# Nuclio's field names, by place.
ALLOWED = {
    "": """
        metadata kind spec apiVersion""",
    "metadata": """
        annotations namespace name labels""",
    "spec": """
        description runtime handler env envFrom resources nodeSelector nodeName affinity tolerations
        priorityClassName preemptionPolicy preemptionMode serviceAccount imagePullSecrets
        imagePullPolicy securityContext hostIPC sidecars initContainers devices loggerSinks disable
        disableDefaultHTTPTrigger waitReadinessTimeoutBeforeFailure readinessTimeoutSeconds eventTimeout
        volumes replicas minReplicas maxReplicas targetCPU deploymentStrategy build triggers platform""",
    "spec.build": """
        path functionSourceCode functionConfigPath registry baseImageRegistry image noBaseImagesPull
        noCache noCleanup baseImage commands directives dependencies onbuildImage offline
        runtimeAttributes codeEntryType codeEntryAttributes buildTimeoutSeconds mode args flags
        builderServiceAccount""",
    "spec.build.directives": """
        postCopy preCopy""",
    "spec.resources": """
        requests limits""",
    "spec.securityContext": """
        runAsUser runAsGroup fsGroup""",
    "spec.triggers.http": """
        kind numWorkers workerAvailabilityTimeoutMilliseconds workerTerminationTimeout
        workerAllocatorName annotations attributes batch mode async""",
    "spec.triggers.http.attributes": """
        maxRequestBodySize readBufferSize reduceMemoryUsage serviceType port ingresses cors
        disablePortPublishing streamingFlushPeriod""",
}
VARIANTS = pytest.mark.parametrize("config", [gpu_config(), cpu_config()], ids=["gpu", "cpu"])


@VARIANTS
def test_function_yaml_has_only_fields_that_nuclio_reads(config: dict[str, Any]) -> None:
    for place, allowed in ALLOWED.items():
        found: Any = config
        for name in filter(None, place.split(".")):
            found = found[name]
        assert set(found) <= set(allowed.split()), place
    assert set(config["spec"]["triggers"]) == {"http"}
    assert all(set(item) == {"name", "value"} and type(item["value"]) is str for item in config["spec"]["env"])
    steps = config["spec"]["build"]["directives"]
    assert all(set(step) == {"kind", "value"} for step in steps["preCopy"] + steps["postCopy"])
    assert {step["kind"] for step in steps["preCopy"] + steps["postCopy"]} == {"ENV", "RUN", "USER"}
    assert config["spec"]["runtime"] == "python:3.11"
    assert "commands" not in config["spec"]["build"], "Nuclio ignores the directives then"


@VARIANTS
def test_every_variable_is_one_that_the_function_reads(config: dict[str, Any]) -> None:
    env = {item["name"]: item["value"] for item in config["spec"]["env"]}
    for_libraries = {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "OPENBLAS_NUM_THREADS"}
    assert set(env) - for_libraries <= {field.name.upper() for field in fields(Settings)}
    Settings.from_environment(env)
    assert int(env["WORKERS"]) == config["spec"]["triggers"]["http"]["numWorkers"]


@VARIANTS
def test_annotations_are_what_cvat_reads(config: dict[str, Any]) -> None:
    annotations = config["metadata"]["annotations"]
    assert all(type(value) is str for value in annotations.values())
    assert annotations["type"] == "detector"
    assert int(annotations["version"]) > 0
    assert json.loads(annotations["spec"]) == [{"id": 1, "name": "face", "type": "rectangle"}]
    assert config["spec"]["description"]


DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "PIL": "pillow",
    "pydantic": "pydantic",
    "retinaface": "retinaface-pytorch",
    "torch": "torch",
    "torchvision": "torchvision",
}


@pytest.mark.parametrize(
    ("config", "others"), [(gpu_config(), "retinaface_onnx"), (cpu_config(), "retinaface_torch")], ids=["gpu", "cpu"]
)
def test_the_image_holds_what_the_function_imports(config: dict[str, Any], others: str) -> None:
    imported = set()
    for path in (ROOT / "function").glob("*.py"):
        if path.stem != others:
            imported |= set(re.findall(r"^ *(?:import|from) (\w+)", path.read_text(), re.MULTILINE))
    third_party = imported - set(sys.stdlib_module_names) - {"function", "__future__"}
    installed = pins(config)
    assert {DISTRIBUTIONS[name] for name in third_party} <= set(installed)
    known = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert {name: version for name, version in installed.items() if name in known} == {
        name: known[name] for name in installed if name in known
    }


def pins(config: dict[str, Any]) -> dict[str, str]:
    steps = config["spec"]["build"]["directives"]["preCopy"]
    return dict(re.findall(r"([\w.-]+)==(\S+)", " ".join(step["value"] for step in steps)))


def test_the_cached_download_is_the_file_that_the_function_looks_for() -> None:
    source = SOURCES["retinaface-resnet50"]
    steps = gpu_config()["spec"]["build"]["directives"]["preCopy"]
    assert steps[-1]["value"].split()[-2:] == [source.origin, f"/opt/faceblur/{source.filename}"]


def test_function_yaml_still_runs_here_with_its_own_weights_folder() -> None:
    config = read_config(ROOT / "function.yaml")
    assert "FACEBLUR_CACHE" not in config.env
    assert "PATH" not in config.env
    assert Service(Settings.from_environment(config.env | {"WORKERS": "1"})).detector.device == "cpu"


def test_shellcheck_has_nothing_to_say() -> None:
    checker = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([str(checker), str(ROOT / "deploy.sh")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
