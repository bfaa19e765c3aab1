"""A machine on which deploy.sh runs: stand-ins for nuctl, kubectl and docker record their arguments.

They answer what the real ones did. No test can reach a cluster: the PATH holds nothing but the stand-ins and the tools
that the script needs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.pod_states import pod

ROOT = Path(__file__).parents[2]


TOOLS = ["bash", "cat", "cp", "date", "dirname", "env", "make", "mkdir", "mv", "rm", "sh", "sleep", "stat"]


IMAGE = "registry.example.com/videos/faceblur:1"


SERVED_INSIDE = ["nuclio-faceblur.nuclio.svc.cluster.local:8080"]


# `function.json` is the function as it stands, `deployed.json` as it is after a deployment, `moment.json` at the first
# look after it.
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
    name=$2
    while [ "$1" != --file ]; do shift; done
    rm -rf "$RECORD/$name"
    cp -R "$(dirname "$2")" "$RECORD/$name"
    if [ -n "$NUCTL_LOG" ]; then cat "$NUCTL_LOG"; fi
    if [ -n "$DEPLOY_HANGS" ]; then
        [ ! -f "$RECORD/starting.json" ] || cp "$RECORD/starting.json" "$RECORD/resource.json"
        echo $$ >"$RECORD/nuctl.part" && mv "$RECORD/nuctl.part" "$RECORD/nuctl.pid"
        exec sleep 600
    fi
    [ -z "$DEPLOY_FAILS" ] || { echo "Failed to deploy: ImagePullBackOff" >&2; exit 1; }
    pods=$(cat "$RECORD/ready.json")
    [ -f "$RECORD/later.json" ] || echo "${pods//new-/new-$$-}" >"$RECORD/pods.json"
    cp "$RECORD/deployed.json" "$RECORD/function.json"; cp "$RECORD/deployed.json" "$RECORD/resource.json"
    [ ! -f "$RECORD/moment.json" ] || cp "$RECORD/moment.json" "$RECORD/function.json" ;;
"delete function "*) [ -z "$DELETE_FAILS" ] || { echo "forbidden" >&2; exit 1; }; rm -f "$RECORD/function.json" ;;
"get function "*)
    [ -z "$NUCTL_HANGS" ] || exec sleep 600
    [ -f "$RECORD/function.json" ] || { echo "Error - No functions found" >&2; exit 1; }
    cat "$RECORD/function.json"
    [ ! -f "$RECORD/moment.json" ] || cp "$RECORD/deployed.json" "$RECORD/function.json" ;;
esac
"""


KUBECTL = """\
#!/bin/bash
[ "$1" != --namespace ] || shift 2
[ "$1" != --request-timeout=20s ] || shift
printf '%s\\n' "$*" >>"$RECORD/kubectl"
case "$*" in
port-forward*)
    [ -z "$FORWARD_FAILS" ] || { echo "error: services \\"nuclio-faceblur\\" is forbidden" >&2; exit 1; }
    echo $$ >"$RECORD/kubectl.pid"
    echo "Forwarding from 127.0.0.1:$LOCAL_PORT -> 8080"
    exec sleep 600 ;;
"kustomize "*) cat "$RECORD/fleet.yaml" ;;
"get secret "*) [ -f "$RECORD/secret" ] || { cat "$RECORD/no-secret" >&2; exit 1; } ;;
"apply --kustomize "*)
    [ -z "$APPLY_FAILS" ] || { echo "$APPLY_FAILS" >&2; exit 1; }
    cp "$RECORD/fleet-pods.json" "$RECORD/pods.json" ;;
"get deployment "*) cat "$RECORD/$3.json" ;;
"get deployments --selector "*) cat "$RECORD/controllers.json" ;;
"get deployments "*) if [ -f "$RECORD/deployment.json" ]; then cat "$RECORD/deployment.json"; else exit 1; fi ;;
"get replicasets "*) cat "$RECORD/replicasets.json" ;;
"patch deployments "*) ;;
"get pods "*)
    [ -z "$FORBIDDEN" ] || { echo "$FORBIDDEN" >&2; exit 1; }
    if [ -f "$RECORD/pods.json" ]; then cat "$RECORD/pods.json"; else echo '{"items": []}'; fi ;;
"get events "*) if [ -f "$RECORD/events.json" ]; then cat "$RECORD/events.json"; else echo '{"items": []}'; fi ;;
"get nucliofunctions.nuclio.io --output json") echo '{"items": []}' ;;
"get nucliofunctions.nuclio.io faceblur-controller-probe "*) cat "$RECORD/probe.json" ;;
"get nucliofunctions.nuclio.io "*)
    [ -f "$RECORD/resource.json" ] || { echo 'Error from server (NotFound): not found' >&2; exit 1; }
    cat "$RECORD/resource.json" ;;
"patch "*)
    if [ -f "$RECORD/patched.json" ]; then cp "$RECORD/patched.json" "$RECORD/resource.json"; fi ;;
"create "* | "replace "*)
    cat >"$RECORD/put.json"
    case "$(cat "$RECORD/put.json")" in
    *faceblur-controller-probe*) cp "$RECORD/put.json" "$RECORD/probe.json" ;;
    *) cp "$RECORD/deployed.json" "$RECORD/function.json"; cp "$RECORD/deployed.json" "$RECORD/resource.json" ;;
    esac ;;
"logs "*) cat "$RECORD/pod.log" ;;
esac
"""


DOCKER = """\
#!/bin/bash
printf '%s\\n' "$*" >>"$RECORD/docker"
case "$*" in
inspect*{{.Id}}*) cat "$RECORD/container.id" ;;
inspect*) cat "$RECORD/container.json" ;;
"image inspect"*) [ -z "$NO_IMAGE" ] && echo "${HEALTHCHECK:-healthy}" ;;
pull*) echo "Error response from daemon: no such host" >&2; exit 1 ;;
# The file in which Nuclio keeps the function is $RECORD/store here.
exec*) /bin/sh -c "$6" sh "$RECORD/store" ;;
logs*) cat "$RECORD/pod.log" ;;
esac
"""


class Sandbox:
    """A machine with nuctl, kubectl, docker and a few tools, and a cluster whose function is at `port`."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.record = folder / "bin", folder / "record"
        self.bin.mkdir()
        self.record.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        for name, text in (("nuctl", NUCTL), ("kubectl", KUBECTL), ("docker", DOCKER)):
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
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),  # the tree that is tested
        }
        self.write("ready", {"items": [pod(f"new-{number}", ready=True) for number in range(4)]})
        self.write("controllers", {"items": [{"status": {"availableReplicas": 1}}]})

    def write(self, name: str, content: Any) -> None:
        """What a stand-in answers: the content of NAME.json."""
        (self.record / f"{name}.json").write_text(json.dumps(content))

    def answer(self, *, state: str = "ready", external: list[str] | None = None, port: int = 0) -> None:
        """The function after a deployment; without an external address it is inside the cluster only."""
        status = {"state": state, "httpPort": port, "internalInvocationUrls": SERVED_INSIDE}
        status["externalInvocationUrls"] = external or []
        status["containerImage"] = IMAGE
        self.write("deployed", {"metadata": {"name": "faceblur"}, "status": status})

    def stands(self, state: str = "ready", *, project: str = "faceblur", changed: str = "", **spec: Any) -> None:
        """A function that is there before the deployment; `changed` is when its resource was changed last."""
        labels = {"nuclio.io/project-name": project}
        fields = [{"time": changed}] if changed else []
        function = {
            "metadata": {"name": "faceblur", "labels": labels, "managedFields": fields},
            "spec": {"env": [{"name": "MODEL", "value": "retinaface-resnet50"}], **spec},
            "status": {"state": state},
        }
        self.write("function", function)
        self.write("resource", function)

    def start(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        """deploy.sh, running."""
        return subprocess.Popen(
            [str(ROOT / "deploy.sh"), *options],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.temporary,
        )

    def run(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """deploy.sh, to its end. Without other options it gets a registry, which a first deployment needs."""
        with self.start(*(options or ("--registry", "r.example.com")), **environment) as process:
            try:
                out, err = process.communicate(timeout=90)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def calls(self, tool: str) -> list[str]:
        record = self.record / tool
        return record.read_text().splitlines() if record.exists() else []


def host(url: str) -> str:
    return url.removeprefix("http://")


def local_port(url: str) -> str:
    return url.rsplit(":", 1)[1]


def assert_forward_is_over(sandbox: Sandbox) -> None:
    pid = int((sandbox.record / "kubectl.pid").read_text())
    for _ in range(600):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    raise AssertionError("kubectl port-forward still runs")
