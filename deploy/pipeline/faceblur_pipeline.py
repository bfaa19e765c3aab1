"""A candidate model reaches production only when it detects enough: a pipeline for Kubeflow Pipelines.

It evaluates the candidate, and what is in production, on labelled faces. Then it deploys the candidate's image and
checks it, or leaves production as it is and says why. `python faceblur_pipeline.py pipeline.yaml` compiles it. The
components run in the image FACEBLUR_PIPELINE_IMAGE, which deploy/Containerfile builds with `--target pipeline`. kfp is
in it: they install nothing when they start.
"""

# No `from __future__ import annotations`: kfp reads the types of the components.
import functools
import os
import sys
from typing import NamedTuple

from kfp import compiler, dsl
from kfp.dsl import HTML, Metrics, Output

IMAGE = os.environ.get("FACEBLUR_PIPELINE_IMAGE", "registry.example.com/videos/faceblur-pipeline:latest")
component = functools.partial(dsl.component, base_image=IMAGE, install_kfp_package=False)


@component
def evaluate(dataset: str, function: str, metrics: Output[Metrics], curves: Output[HTML]) -> NamedTuple(
    "Evaluated", [("recall", float), ("weights", str)]
):  # type: ignore[valid-type]
    """The recall of a function over the faces of 16 and more pixels, 0 without a function; its curves as a page.

    `weights` is the SHA-256 of what it has loaded.
    """
    import json
    import os
    import subprocess
    import sys
    import tempfile
    from collections import namedtuple
    from pathlib import Path

    result = namedtuple("Evaluated", ["recall", "weights"])
    if not function:
        Path(curves.path).write_text("<p>There is no function in production.</p>")
        return result(0.0, "")
    python = os.environ.get("FACEBLUR_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        figures_path, chart = f"{folder}/figures.json", f"{folder}/sweep.png"
        command = [python, "-m", "faceblur", "evaluate", dataset, "--function", function, "--json", figures_path]
        subprocess.run([*command, "--sweep", "threshold", "--png", chart], check=True)
        figures = json.loads(Path(figures_path).read_text())
    for score in figures["scores"]:
        for name in ("recall", "precision", "ap"):
            if score[name] is not None:
                metrics.log_metric(f"{name} {score['height']}", score[name])

    def counted(scores: list) -> dict:
        return next(score for score in scores if score["height"] == figures["gate"]["faces"])

    points = [counted(swept["scores"]) for swept in figures["sweep"]]
    line = " ".join(
        f"{300 * point['recall']:.1f},{300 - 300 * point['precision']:.1f}"
        for point in points
        if point["recall"] is not None and point["precision"] is not None
    )
    bars = "".join(
        f"<tr><td>{score['height']}</td><td>{score['faces']}</td><td>"
        f"<div style='background:#47a;height:1em;width:{300 * (score['recall'] or 0):.0f}px'></div></td>"
        f"<td>{'' if score['recall'] is None else format(score['recall'], '.4f')}</td></tr>"
        for score in figures["scores"]
    )
    Path(curves.path).write_text(
        f"<h1>{figures['function']['model']}</h1><h2>Precision (up) and recall (right) of faces of "
        f"{figures['gate']['faces']} pixels</h2><svg width='320' height='320' viewBox='-10 -10 320 320'>"
        "<rect width='300' height='300' fill='none' stroke='#999'/>"
        f"<polyline points='{line}' fill='none' stroke='#47a' stroke-width='3'/></svg>"
        f"<h2>Recall by height in pixels</h2><table><tr><th>height<th>faces<th><th>recall</tr>{bars}</table>"
    )
    return result(float(figures["gate"]["recall"] or 0.0), figures["function"]["weights_sha256"])


@component
def decide(candidate: float, production: float, baseline: float, margin: float) -> NamedTuple(
    "Decision", [("action", str), ("reason", str)]
):  # type: ignore[valid-type]
    """`deploy` or `keep`, and why."""
    from collections import namedtuple

    if candidate < baseline:
        action, reason = "keep", f"recall {candidate:.4f} is below the baseline {baseline:g}"
    elif candidate < production - margin:
        action, reason = "keep", f"recall {candidate:.4f} is more than {margin:g} below production's {production:.4f}"
    else:
        action, reason = "deploy", f"recall {candidate:.4f} reaches {baseline:g}; production has {production:.4f}"
    print(f"{action}: {reason}")
    return namedtuple("Decision", ["action", "reason"])(action, reason)


@component
def deploy_and_check(
    dashboard: str, image: str, weights: str, namespace: str, project: str, name: str, replicas: int, cpu: bool
) -> str:
    """The function's own answer to its check, after the image was deployed through Nuclio's dashboard.

    It fails if the function has loaded other weights than those that were evaluated.
    """
    import os
    import subprocess
    import sys

    python = os.environ.get("FACEBLUR_PYTHON", sys.executable)
    command = [python, "-m", "faceblur.detection.deployment.dashboard", dashboard, image]
    command += ["--weights", weights, "--namespace", namespace, "--project", project, "--name", name]
    command += ["--replicas", str(replicas)] if replicas else []
    command += ["--cpu"] if cpu else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{name} was not deployed, or failed its check: see above")
    return done.stdout.strip()


@component
def leave_production(reason: str) -> str:
    """Nothing is changed."""
    print(f"production stays as it is: {reason}")
    return reason


@dsl.pipeline(name="faceblur-model", description="Deploys a candidate model only when it detects enough faces")
def faceblur_model(
    dataset: str,
    candidate_function: str,
    candidate_image: str,
    dashboard: str = "http://nuclio-dashboard.nuclio.svc.cluster.local:8070",
    production_function: str = "",
    baseline: float = 0.9,
    margin: float = 0.01,
    namespace: str = "nuclio",
    project: str = "faceblur",
    name: str = "faceblur",
    replicas: int = 0,
    cpu: bool = False,
) -> None:
    """`dataset` is a path in the components' image or volume; the functions are addresses, empty for none. 0 `replicas`
    are as many as there are.

    Nothing is taken from Kubeflow's cache: the same address or tag may be another model by now.
    """
    candidate = evaluate(dataset=dataset, function=candidate_function).set_caching_options(False)
    production = evaluate(dataset=dataset, function=production_function).set_caching_options(False)
    decision = decide(
        candidate=candidate.outputs["recall"],
        production=production.outputs["recall"],
        baseline=baseline,
        margin=margin,
    ).set_caching_options(False)
    with dsl.If(decision.outputs["action"] == "deploy"):
        deploy_and_check(
            dashboard=dashboard,
            image=candidate_image,
            weights=candidate.outputs["weights"],
            namespace=namespace,
            project=project,
            name=name,
            replicas=replicas,
            cpu=cpu,
        ).set_caching_options(False)
    with dsl.Else():
        leave_production(reason=decision.outputs["reason"]).set_caching_options(False)


if __name__ == "__main__":
    compiler.Compiler().compile(faceblur_model, sys.argv[1])
