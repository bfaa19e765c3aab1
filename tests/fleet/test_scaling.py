"""KEDA and Nuclio's autoscaler ask for what there is: the query fits the ledger's tables, the metric is exported."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from faceblur.ledger import control
from faceblur.ledger.claims import claim
from faceblur.ledger.database import Database
from faceblur.ledger.endings import begin_publish, finish
from faceblur.ledger.queries import list_jobs
from faceblur.ledger.submissions import submit
from tests.fleet.test_manifests import DEPLOY
from tests.ledger.test_claims import new_job
from tests.support.figures import exported
from tests.support.postgres import PostgresServer

KEDA = {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "keda" / "scaled-object.yaml").read_text())}
SPEC = KEDA["ScaledObject"]["spec"]


def rendered(folder: Path, resource: str, component: str) -> list[dict[str, Any]]:
    """A resource of deploy/ with a component, as a folder of the user's own names them."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on the PATH")
    names = {
        name: [os.path.relpath(DEPLOY.parent / path, folder)]
        for name, path in (("resources", resource), ("components", component))
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"kind": "Kustomization", **names}))
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("overlay", ["gpu", "cpu", "nfs"])
def test_keda_s_resources_join_an_overlay(overlay: str, tmp_path: Path) -> None:
    found = {
        (one["kind"], one["metadata"]["name"]): one for one in rendered(tmp_path, f"fleet/{overlay}", "fleet/keda")
    }
    scaled = found["ScaledObject", "workers"]
    workers = found["Deployment", scaled["spec"]["scaleTargetRef"]["name"]]
    assert "replicas" not in workers["spec"]
    assert {one["metadata"]["namespace"] for one in (scaled, workers, found["TriggerAuthentication", "ledger"])} == {
        "faceblur"
    }
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": "ledger"}
    (secret,) = found["TriggerAuthentication", "ledger"]["spec"]["secretTargetRef"]
    sources = [
        one["secretRef"]["name"]
        for one in workers["spec"]["template"]["spec"]["containers"][0]["envFrom"]
        if "secretRef" in one
    ]
    assert [secret["name"]] == sources and secret["key"] == "FACEBLUR_LEDGER"


def test_no_video_begins_anew_because_of_a_smaller_number() -> None:
    behavior = SPEC["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"] == {"selectPolicy": "Disabled"} and SPEC["minReplicaCount"] == 0


def test_keda_s_query_counts_the_videos_that_need_a_worker(postgres: PostgresServer) -> None:
    ledger = postgres.create("keda")
    (trigger,) = SPEC["triggers"]

    async def count() -> float:
        # As KEDA does: the secret's address, a plain connection, one number.
        connection = await asyncpg.connect(ledger)
        try:
            return float(await connection.fetchval(trigger["metadata"]["query"]))
        finally:
            await connection.close()

    async def story() -> list[float]:
        seen = []
        async with Database(ledger) as database:
            seen.append(await count())
            await submit(database, [new_job(name) for name in ("a.mp4", "b.mp4", "c.mp4")])
            jobs = [one.id for one in await list_jobs(database)]
            seen.append(await count())
            await control.pause(database, jobs[:1])
            seen.append(await count())
            one = await claim(database, "worker")
            assert one is not None
            seen.append(await count())
            assert await begin_publish(database, one, 1, "digest")
            seen.append(await count())
            await finish(database, one, "{}")
            seen.append(await count())
            await control.cancel(database, jobs)
            seen.append(await count())
        return seen

    assert asyncio.run(story()) == [0, 3, 2, 2, 2, 1, 0]
    assert float(trigger["metadata"]["targetQueryValue"]) >= 1


@pytest.mark.parametrize("form", ["function", "function-cpu"])
def test_nuclio_scales_by_a_figure_that_workers_export(form: str, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    resources = rendered(tmp_path / "own", form, "function-scaling")
    (spec,) = [one["spec"] for one in resources if one["kind"] == "NuclioFunction"]
    assert spec["minReplicas"] < spec["maxReplicas"]  # else Nuclio makes no autoscaler
    (metric,) = spec["customScalingMetricSpecs"]
    assert exported(tmp_path)[metric["object"]["metric"]["name"]] == set()
    space = yaml.safe_load((DEPLOY / "base" / "namespace.yaml").read_text())["metadata"]["name"]
    assert metric["object"]["describedObject"] == {"apiVersion": "v1", "kind": "Namespace", "name": space}
