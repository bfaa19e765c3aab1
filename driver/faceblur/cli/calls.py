"""What the calls of the command line do: their options become what `commands` takes. Each gives an exit code."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click
from pydantic import ValidationError

from faceblur.base.options import Options
from faceblur.cli import commands
from faceblur.cli.commands import Talk
from faceblur.detection.connect import Endpoint
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur.redaction.plan import Plan
from faceblur.redaction.render import Change
from faceblur_function import wire


def run(
    inputs: tuple[Path, ...],
    outdir: Path,
    overwrite: bool,
    returned: str | None,
    look_around: float,
    detect_every: int | None,
    batch_size: int,
    sidecar: bool,
    jobs: int | None,
    encoder: str | None,
    crf: int | None,
    preset: str,
    keep_location: bool,
    tolerate_damage: bool,
    **shared: Any,
) -> int:
    """Redact videos."""
    encoding = Options(encoder=encoder, crf=crf, preset=preset, keep_location=keep_location)
    plan = Plan(
        _options(shared),
        encoding,
        # The function on this machine is this very code: there is nothing to check.
        return_frames=(returned or ("frames" if shared["urls"] else "faces")) == "frames",
        batch_size=batch_size,
        look_around=look_around,
        sidecar=sidecar,
        tolerate_damage=tolerate_damage,
        detect_every=detect_every,
    )
    talk, endpoint = _talk(shared), _endpoint(shared)
    return commands.execute(
        lambda console: commands.run_videos(
            console, talk, inputs, outdir, plan, endpoint, overwrite=overwrite, jobs=jobs
        ),
        talk,
    )


def image(inputs: tuple[Path, ...], outdir: Path, overwrite: bool, **shared: Any) -> int:
    """Redact still images."""
    talk, endpoint, options = _talk(shared), _endpoint(shared), _options(shared)
    return commands.execute(
        lambda _: commands.run_images(talk, inputs, outdir, options, endpoint, overwrite=overwrite), talk
    )


def render(
    video: Path,
    sidecar: Path,
    out: Path,
    overwrite: bool,
    style: str | None,
    padding: float | None,
    encoder: str | None,
    crf: int | None,
    preset: str | None,
    keep_location: bool,
    tolerate_damage: bool,
    **shared: Any,
) -> int:
    """Write a video again from its sidecar."""
    change, talk = Change(style, padding, encoder, crf, preset, keep_location, tolerate_damage), _talk(shared)
    return commands.execute(
        lambda console: commands.render_video(console, talk, video, sidecar, out, change, overwrite=overwrite),
        talk,
    )


def audit(source: Path, output: Path, sidecar: Path | None, **shared: Any) -> int:
    """Check an output against its source."""
    talk, endpoint = _talk(shared), _endpoint(shared)
    return commands.execute(
        lambda console: commands.audit_video(console, talk, source, output, sidecar, endpoint), talk
    )


def evaluate(
    places: tuple[Path, ...],
    images: Path | None,
    threshold: float,
    padding: float,
    look_around: float,
    min_recall: float | None,
    sweep: Literal["threshold", "detect-size"] | None,
    png: Path | None,
    json_file: Path | None,
    **shared: Any,
) -> int:
    """Measure the detector on labelled faces."""
    from faceblur.evaluation import command as evaluation

    if png and not sweep:
        raise click.BadParameter("--png is for --sweep")
    for name, value in (("--threshold", threshold), ("--padding", padding), ("--look-around", look_around)):
        _refuse_nan(name, value)
    _refuse_nan("--min-recall", min_recall)
    talk, endpoint = _talk(shared), _endpoint(shared)
    settings = evaluation.EvaluationSettings(threshold, padding, look_around)
    wanted = evaluation.Wanted(min_recall, sweep, json_file, png)
    return commands.execute(
        lambda console: evaluation.evaluate(console, places, images, settings, endpoint, wanted), talk
    )


def serve(host: str, port: int, workers: int | None, env: dict[str, str], **shared: Any) -> int:
    """Run the function on this machine."""
    talk = _talk(shared)
    talk = replace(talk, verbosity=talk.verbosity + 1) if talk.verbosity >= 0 else talk  # the model and its device

    async def command(_: object) -> int:
        return await commands.serve(read_config(find_function_yaml(), env=env, workers=workers), host, port)

    return commands.execute(command, talk)


def _options(shared: dict[str, Any]) -> wire.Options:
    given = {name: shared[name] for name in ("threshold", "style", "padding")}
    try:
        return wire.Options(**given)
    except ValidationError as error:  # NaN is within every range
        first = error.errors(include_url=False)[0]
        raise click.BadParameter(f"{first['loc'][0]}: {first['msg'].lower()}") from None


def _refuse_nan(name: str, value: float | None) -> None:
    if value is not None and math.isnan(value):  # it is within every range
        raise click.BadParameter(f"{name}: a number is needed")


def _talk(shared: dict[str, Any]) -> Talk:
    return Talk(-1 if shared["quiet"] else shared["verbose"], shared["log_json"])


def _endpoint(shared: dict[str, Any]) -> Endpoint:
    names = ("urls", "headers", "ca_file", "timeout", "give_up_after", "concurrency", "workers", "env")
    return Endpoint(**{name: shared[name] for name in names}, spawned=tuple(shared.get("spawned", ())))
