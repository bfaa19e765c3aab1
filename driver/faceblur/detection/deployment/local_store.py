"""What Nuclio's local platform keeps about one function: base64 of JSON in a file of a volume, and a container.

Nuclio has no way to free a function that nobody works on any more: its state stays `building`, and nuctl refuses it.
"""

from __future__ import annotations

import base64
import json

from faceblur.detection.deployment.platform_tools import Answer, DeployFailed, PlatformTools

READER = "nuclio-local-storage-reader"  # a container that Nuclio starts to reach the volume; every nuctl call does
SECONDS_SINCE = 'echo $(( $(date +%s) - $(stat -c %Y "$1") ))'
REPLACE = 'cat > "$1.part" && mv "$1.part" "$1"'


class LocalStore:
    """One function of the local platform. Needs docker."""

    def __init__(self, tools: PlatformTools, function: str) -> None:
        self._tools, self._function = tools, function
        self._path = f"/etc/nuclio/store/functions/{tools.namespace}/{function}.json"

    @property
    def container(self) -> str:
        """The name of its container."""
        return f"nuclio-{self._tools.namespace}-{self._function}"

    def container_id(self) -> str:
        """The container that there is now; empty when there is none."""
        answer = self._tools.ask(["docker", "inspect", "--format", "{{.Id}}", self.container])
        return answer.text.strip() if answer else ""

    def kept(self) -> str | None:
        """What is kept about the function, for `restore`; None when there is none."""
        answer = self._shell('cat "$1"')
        return answer.text if answer else None

    def unchanged_seconds(self) -> float:
        """For how long nothing has changed it. Raises DeployFailed."""
        answer = self._shell(SECONDS_SINCE)
        if not answer or not answer.text.strip().isdigit():
            raise DeployFailed(f"docker cannot look at {self._function}", said=answer.text)
        return float(answer.text)

    def restore(self, kept: str) -> None:
        """Keep this about the function. Raises DeployFailed."""
        answer = self._shell(REPLACE, kept)
        if not answer:
            raise DeployFailed(f"docker cannot change {self._function}", said=answer.text)

    def release(self) -> None:
        """Leave a function that the next deployment can change, with its port; its container stays as it is."""
        kept = self.kept()
        if kept is not None:
            function = json.loads(base64.b64decode(kept))
            function["status"] = (function.get("status") or {}) | {"state": "error"}
            self.restore(base64.b64encode(json.dumps(function).encode()).decode())

    def remove_container(self) -> None:
        """End the container, which docker would start again and again."""
        self._tools.ask(["docker", "rm", "--force", self.container])

    def _shell(self, script: str, text: str | None = None) -> Answer:
        command = ["docker", "exec", "--interactive", READER, "/bin/sh", "-c", script, "sh", self._path]
        return self._tools.ask(command, text=text)
