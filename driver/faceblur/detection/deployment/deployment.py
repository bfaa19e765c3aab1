"""One deployment of the function: by nuctl, which builds the image, or by its resource with an image that exists."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from faceblur.detection.deployment.causes import find_cause
from faceblur.detection.deployment.cluster import Cluster
from faceblur.detection.deployment.deploy_options import DeployOptions
from faceblur.detection.deployment.local_store import LocalStore
from faceblur.detection.deployment.plan import Plan
from faceblur.detection.deployment.platform_tools import READY_SLACK, DeployFailed, PlatformTools
from faceblur.detection.deployment.reach import logs, pods
from faceblur.detection.deployment.render_function_yaml import manifest, render, rendered
from faceblur.detection.deployment.stage import stage
from faceblur.detection.deployment.watch import STARTING, NeverReady, Watch
from faceblur.detection.local_function.function_yaml import find_function_yaml

BUILDING = ("waitingForBuild", "building")
Say = Callable[[str], None]


@contextmanager
def staged(text: str) -> Iterator[Path]:
    """A folder with what the image needs, and function.yaml, of this text."""
    with tempfile.TemporaryDirectory(prefix="faceblur-deploy-") as name:
        stage(Path(name), text)
        yield Path(name)


class Deployment:
    """Deploys under one name. `image`: run this instead of building one; it has its registry in its name."""

    def __init__(
        self,
        options: DeployOptions,
        plan: Plan,
        tools: PlatformTools,
        say: Say,
        *,
        name: str,
        replicas: int,
        image: str | None,
    ) -> None:
        self.options, self.plan, self.tools, self.say = options, plan, tools, say
        self.name, self.replicas, self.image = name, replicas, image
        self._text = find_function_yaml().read_text()
        self._local = LocalStore(tools, name) if options.platform == "local" else None
        self._kept: str | None = None
        self._container = ""
        self.log = Path(tempfile.gettempdir()) / f"faceblur-deploy-{name}-{time.strftime('%Y%m%d-%H%M%S')}.log"

    @property
    def by_resource(self) -> bool:
        """Whether neither nuctl nor docker is needed: nuctl asks for docker even if it builds nothing."""
        return self.options.image is not None and self.options.platform == "kube"

    def deployed(self) -> str:
        """The function.yaml that is deployed, or the resource."""
        if self.by_resource:
            return yaml.safe_dump(self.resource(), sort_keys=False, width=1000)
        return render(self._text, self.name, cpu=self.options.cpu, plan=self._own_plan())

    def resource(self) -> dict[str, Any]:
        """The function's resource with its image."""
        assert self.image is not None
        resource = manifest(self._text, self.name, self.image, cpu=self.options.cpu, plan=self._own_plan())
        # Another value starts the pods again, also for the same tag: nuctl does it in the same way.
        resource["spec"]["imageHash"] = str(time.time_ns())
        return resource

    def command(self, folder: str, tag: str | None = None) -> list[str]:
        """nuctl's command for what is staged in a folder. `tag`: that of the image that is built."""
        # One for each platform: an image for local has a health check, one for kube has none.
        source = ["--path", folder, "--image", f"{self.options.name}:{tag or self.options.platform}"]
        if self.plan.registry:
            source += ["--registry", self.plan.registry]
        if self.image:
            source = ["--run-image", self.image]
        return self.tools.nuctl(
            "deploy", self.name, "--project-name", self.plan.project, *source, "--file", f"{folder}/function.yaml"
        )

    def run(self, tag: str | None = None) -> None:
        """Deploy and wait until it is ready. Raises DeployFailed with the cause."""
        watch = Watch(self.tools, self.name, self.replicas, self.ready_seconds(), self.say)
        if self._local:
            self._kept, self._container = self._local.kept(), self._local.container_id()
        try:
            self._run(watch, tag)
        except NeverReady as never:
            with self.log.open("a") as log:
                log.write(f"\n{never.log}")
            self.give_up(is_broken=never.trouble is not None)
            raise self._failed(never) from None
        except KeyboardInterrupt:
            self.log.unlink(missing_ok=True)
            if self._local:
                self._put_back(self._local)
            else:
                self._say_what_goes_on(watch.has_begun)
            raise

    def _run(self, watch: Watch, tag: str | None) -> None:
        if self.by_resource:
            Cluster(self.tools, self.name).put(self.resource())
        else:
            with staged(self.deployed()) as folder:
                if watch.run(self.command(str(folder), tag), self.log) != 0:
                    raise self._failed(None)
        if self.tools.has_kubectl and (state := watch.wait()) != "ready":
            message = Cluster(self.tools, self.name).message()
            raise NeverReady(f"its state is {state}" + (f": {message}" if message else ""))
        self.log.unlink(missing_ok=True)

    def ready_seconds(self) -> float:
        """How long the function may take from its image to ready."""
        spec = rendered(self._text, self.name, cpu=self.options.cpu)["spec"]
        return float(spec["readinessTimeoutSeconds"]) + READY_SLACK

    def give_up(self, *, is_broken: bool = False) -> None:
        """Leave a function that the next deployment can change; pods of before that still serve go on."""
        if self.tools.has_kubectl:
            cluster = Cluster(self.tools, self.name)
            if is_broken or cluster.state() in BUILDING + STARTING:
                cluster.release()
        elif self._local:
            self._local.remove_container()
            self._local.release()

    def _put_back(self, local: LocalStore) -> None:
        """After an interruption: the function as it was, unless its container is replaced already."""
        if self._kept is None:
            self.tools.ask(self.tools.nuctl("delete", "function", self.name, "--force"))
            self.say(f"stopped: {self.name} is not deployed.")
        elif local.container_id() == self._container:
            local.restore(self._kept)
            self.say(f"stopped: nothing was changed; what ran as {self.name} still runs.")
        else:
            self.give_up()
            self.say(f"stopped: {self.name} does not run. The next deployment starts it, at the same port.")

    def _own_plan(self) -> Plan:
        port = self.plan.port if self.name == self.options.name else None
        return replace(self.plan, replicas=self.replicas, port=port)

    def _failed(self, never: NeverReady | None) -> DeployFailed:
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        look = logs(self.tools, self.name) if never is None or never.log else pods(self.tools, self.name)
        said = f"{log}\n{never}" if never else log
        cause = find_cause(said, never.trouble if never else None, self.options, self.tools, look)
        text = str(never) if never and cause.text == "nuctl says no more" else cause.text
        state = Cluster(self.tools, self.name).state() if self.tools.has_kubectl else ""
        left = f" The state of {self.name} is {state}: ./deploy.sh can deploy it again." if state else ""
        return DeployFailed(
            f"the deployment of {self.name} failed: {text}", cause.step, f"The whole log: {self.log}.{left}"
        )

    def _say_what_goes_on(self, has_begun: bool) -> None:
        cluster = Cluster(self.tools, self.name) if self.tools.has_kubectl else None
        is_starting = cluster is not None and cluster.state() in STARTING
        if cluster and (has_begun or is_starting):
            if is_starting:
                cluster.patch({"status": {"state": "error"}})
            self.say(f"stopped: the cluster goes on starting the new pods of {self.name}. ./deploy.sh can change it.")
            return
        self.give_up()
        self.say(f"stopped: nothing was changed in the cluster; what ran as {self.name} still runs.")
