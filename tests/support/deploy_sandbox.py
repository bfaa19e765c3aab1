"""A machine on which deploy.sh runs: stand-ins for nuctl and kubectl record their arguments.

No test can reach a cluster: the PATH holds nothing but the stand-ins and the tools that the script needs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

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


def host(url: str) -> str:
    return url.removeprefix("http://")


def local_port(url: str) -> str:
    return url.rsplit(":", 1)[1]


def assert_forward_is_over(sandbox: Sandbox) -> None:
    pid = int((sandbox.record / "kubectl.pid").read_text())
    for _ in range(50):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    raise AssertionError("kubectl port-forward still runs")
