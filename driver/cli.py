"""`faceblur`: the command line. Exit codes: 0 all done, 1 some files failed, 2 the call was wrong, 130 interrupted."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click
from pydantic import ValidationError

from driver import commands
from driver.codecs import DEFAULT_PRESET, PRESETS, Encoding
from driver.commands import Talk
from driver.config import find_function_yaml, read_config
from driver.connect import Endpoint
from driver.evaluation import command as evaluation
from driver.options import (
    FILES,
    FUNCTION,
    KEEP_LOCATION,
    LOCAL,
    LOGGING,
    LOOK_AROUND,
    PADDING,
    REDACTION,
    THRESHOLD,
    TOLERATE_DAMAGE,
    parse_every,
)
from driver.plan import Plan
from driver.render import Change
from function import wire


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="faceblur", prog_name="faceblur")
def main() -> None:
    """Make the faces in videos and pictures disappear, through a Nuclio function on a GPU or on this machine."""


@main.command()
@FILES
@REDACTION
@click.option(
    "--return",
    "returned",
    type=click.Choice(["frames", "faces"]),
    help="What the function sends back: blurred frames, to be checked, or boxes alone; the result is the same.  "
    "[default: frames; faces from the function on this machine]",
)
@LOOK_AROUND
@click.option(
    "--detect-every",
    default="auto",
    show_default=True,
    callback=parse_every,
    metavar="N|auto",
    help="Search every Nth frame where the faces before and after agree, and all frames elsewhere; auto: up to every "
    "4th; 1: every frame.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, wire.MAX_FRAMES),
    default=16,
    show_default=True,
    metavar="N",
    help="Frames in one request.",
)
@click.option(
    "--sidecar/--no-sidecar",
    default=True,
    show_default=True,
    help="Write NAME.faces.jsonl beside each output: every face of every frame, to audit, edit and render again.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Videos at a time.  [default: 2, and as many more as keep the function busy, up to 32]",
)
@click.option("--encoder", metavar="NAME", help="FFmpeg's video encoder.  [default: one of the source's codec]")
@click.option(
    "--crf",
    type=click.IntRange(0, 63),
    metavar="N",
    help="Constant quality of the encoder: lower is better and larger.  [default: the encoder's in the README]",
)
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default=DEFAULT_PRESET,
    show_default=True,
    help="Speed of the encoder against the size of the file.",
)
@KEEP_LOCATION
@TOLERATE_DAMAGE
@FUNCTION
@LOGGING
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
) -> None:
    """Redact videos: files, and every video in directories and below.

    Each is written under its own name below OUTDIR, with its own timestamps and its audio as it was. What exists
    there already is skipped, so that an interrupted run goes on where it was.
    """
    encoding = Encoding(encoder, crf, preset, keep_location)
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
    sys.exit(
        commands.execute(
            lambda console: commands.run_videos(
                console, talk, inputs, outdir, plan, endpoint, overwrite=overwrite, jobs=jobs
            ),
            talk,
        )
    )


@main.command()
@FILES
@REDACTION
@FUNCTION
@LOGGING
def image(inputs: tuple[Path, ...], outdir: Path, overwrite: bool, **shared: Any) -> None:
    """Redact still images: JPEG, PNG, WebP, GIF and TIFF files, animated ones too, and those in directories and below.

    Written upright in their own format and depth with their colour profile; all other metadata, such as the place, is
    dropped.
    """
    talk, endpoint, options = _talk(shared), _endpoint(shared), _options(shared)
    sys.exit(
        commands.execute(
            lambda _: commands.run_images(talk, inputs, outdir, options, endpoint, overwrite=overwrite), talk
        )
    )


@main.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.argument("sidecar", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "out",
    required=True,
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="File to write, or an existing folder to write it into.",
)
@click.option("--overwrite", is_flag=True, help="Write a file that exists already again.")
@click.option(
    "--style", type=click.Choice(["blur", "pixelate", "solid"]), help="Another style.  [default: the sidecar's]"
)
@click.option(
    "--padding",
    type=click.FloatRange(0, 2),
    metavar="SHARE",
    help="Another growth of the boxes.  [default: the sidecar's]",
)
@click.option("--encoder", metavar="NAME", help="Another encoder.  [default: the sidecar's]")
@click.option("--crf", type=click.IntRange(0, 63), metavar="N", help="Another quality.  [default: the sidecar's]")
@click.option("--preset", type=click.Choice(PRESETS), help="Another preset.  [default: the sidecar's]")
@KEEP_LOCATION
@TOLERATE_DAMAGE
@LOGGING
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
) -> None:
    """Write VIDEO, a source, again from its SIDECAR, which may have been edited. No function is needed.

    Without an edit the result equals that of the run. A sidecar of another video is refused.
    """
    change, talk = Change(style, padding, encoder, crf, preset, keep_location, tolerate_damage), _talk(shared)
    sys.exit(
        commands.execute(
            lambda console: commands.render_video(console, talk, video, sidecar, out, change, overwrite=overwrite),
            talk,
        )
    )


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("sidecar", required=False, type=click.Path(path_type=Path))
@FUNCTION
@LOGGING
def audit(source: Path, output: Path, sidecar: Path | None, **shared: Any) -> None:
    """Check OUTPUT against its SOURCE before it is published; SIDECAR is by default OUTPUT.faces.jsonl.

    Every listed face must be gone, nothing else changed, no frame lost, and a second look must find no face that was
    never covered. Writes OUTPUT.audit.json and OUTPUT.audit.html. Exit code 1: something is exposed or lost.
    """
    talk, endpoint = _talk(shared), _endpoint(shared)
    sys.exit(
        commands.execute(lambda console: commands.audit_video(console, talk, source, output, sidecar, endpoint), talk)
    )


@main.command()
@click.argument("places", nargs=-1, required=True, metavar="DATASET...", type=click.Path(path_type=Path))
@click.option(
    "--images",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder from which the names of the labelled images start.  [default: beside the labels]",
)
@THRESHOLD
@PADDING
@LOOK_AROUND
@click.option(
    "--min-recall",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Exit with 1 when the recall of faces of 16 and more pixels is lower.",
)
@click.option(
    "--sweep",
    type=click.Choice(["threshold", "detect-size"]),
    help="Print and draw how the numbers change with the threshold or the function's DETECT_SIZE.",
)
@click.option(
    "--png",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where --sweep draws its curve.  [default: sweep-threshold.png or sweep-detect-size.png]",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the numbers to this file too.",
)
@FUNCTION
@LOGGING
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
) -> None:
    """Measure the detector on labelled faces: recall, precision, AP, and which faces of videos would stay exposed.

    DATASET is a file of labels, or a folder that is searched for them:

    \b
      *_bbx_gt.txt          images in WIDER FACE's text format (any other .txt too when it is named)
      *.json                images in COCO's format
      VIDEO.gt.txt          a video beside it, a face a line, as MOTChallenge: frame,id,x,y,width,height
      VIDEO.faces.jsonl     a video beside it, labelled by its corrected sidecar

    Exit code 1 when --min-recall is not reached, 2 for labels that cannot be used.
    """
    if png and not sweep:
        raise click.BadParameter("--png is for --sweep")
    for name, value in (("--threshold", threshold), ("--padding", padding), ("--look-around", look_around)):
        _refuse_nan(name, value)
    _refuse_nan("--min-recall", min_recall)
    talk, endpoint = _talk(shared), _endpoint(shared)
    settings = evaluation.Settings(threshold, padding, look_around)
    wanted = evaluation.Wanted(min_recall, sweep, json_file, png)
    sys.exit(
        commands.execute(lambda console: evaluation.evaluate(console, places, images, settings, endpoint, wanted), talk)
    )


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    metavar="N",
    help="Port to listen on; 0 takes a free one.",
)
@LOCAL
@LOGGING
def serve(host: str, port: int, workers: int | None, env: dict[str, str], **shared: Any) -> None:
    """Run function.yaml's function on this machine, behind the HTTP trigger that it describes.

    A stand-in for one machine, with the model for the CPU; on a cluster Nuclio runs the function.
    """
    talk = _talk(shared)
    talk = replace(talk, verbosity=talk.verbosity + 1) if talk.verbosity >= 0 else talk  # the model and its device

    async def command(_: object) -> int:
        return await commands.serve(read_config(find_function_yaml(), env=env, workers=workers), host, port)

    sys.exit(commands.execute(command, talk))


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
    return Endpoint(**{name: shared[name] for name in names})
