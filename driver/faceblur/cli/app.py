"""`faceblur`: what can be called, and its help. Exit codes: 0 all done, 1 some files failed, 2 the call was wrong, 130
interrupted. What the calls do is in `faceblur.cli.calls`, which is loaded only then: so help is there at once.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from faceblur.base.errors import UsageError
from faceblur.base.options import PRESETS, Options
from faceblur.cli.options import (
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
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur.detection.local_function.worker_handle import Worker
from faceblur_function.defaults import MAX_FRAMES


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
    help="Search every Nth frame where the faces before and after agree, and more of them elsewhere; auto: up to every "
    "6th; 1: every frame.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, MAX_FRAMES),
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
    default=Options().preset,
    show_default=True,
    help="Speed of the encoder against the size of the file.",
)
@KEEP_LOCATION
@TOLERATE_DAMAGE
@FUNCTION
@LOGGING
def run(**options: Any) -> None:
    """Redact videos: files, and every video in directories and below.

    Each is written under its own name below OUTDIR, with its own timestamps and its audio as it was. What exists
    there already is skipped, so that an interrupted run goes on where it was.
    """
    _spawn_ahead(options)
    from faceblur.cli import calls

    sys.exit(calls.run(**options))


@main.command()
@FILES
@REDACTION
@FUNCTION
@LOGGING
def image(**options: Any) -> None:
    """Redact still images: JPEG, PNG, WebP, GIF and TIFF files, animated ones too, and those in directories and below.

    Written upright in their own format and depth with their colour profile; all other metadata, such as the place, is
    dropped.
    """
    _spawn_ahead(options)
    from faceblur.cli import calls

    sys.exit(calls.image(**options))


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
def render(**options: Any) -> None:
    """Write VIDEO, a source, again from its SIDECAR, which may have been edited. No function is needed.

    Without an edit the result equals that of the run. A sidecar of another video is refused.
    """
    from faceblur.cli import calls

    sys.exit(calls.render(**options))


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("sidecar", required=False, type=click.Path(path_type=Path))
@FUNCTION
@LOGGING
def audit(**options: Any) -> None:
    """Check OUTPUT against its SOURCE before it is published; SIDECAR is by default OUTPUT.faces.jsonl.

    Every listed face must be gone, nothing else changed, no frame lost, and a second look must find no face that was
    never covered. Writes OUTPUT.audit.json and OUTPUT.audit.html. Exit code 1: something is exposed or lost.
    """
    from faceblur.cli import calls

    sys.exit(calls.audit(**options))


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
def evaluate(**options: Any) -> None:
    """Measure the detector on labelled faces: recall, precision, AP, and which faces of videos would stay exposed.

    DATASET is a file of labels, or a folder that is searched for them:

    \b
      *_bbx_gt.txt          images in WIDER FACE's text format (any other .txt too when it is named)
      *.json                images in COCO's format
      VIDEO.gt.txt          a video beside it, a face a line, as MOTChallenge: frame,id,x,y,width,height
      VIDEO.faces.jsonl     a video beside it, labelled by its corrected sidecar

    Exit code 1 when --min-recall is not reached, 2 for labels that cannot be used.
    """
    from faceblur.cli import calls

    sys.exit(calls.evaluate(**options))


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
def serve(**options: Any) -> None:
    """Run function.yaml's function on this machine, behind the HTTP trigger that it describes.

    A stand-in for one machine, with the model for the CPU; on a cluster Nuclio runs the function.
    """
    from faceblur.cli import calls

    sys.exit(calls.serve(**options))


def _spawn_ahead(options: dict[str, Any]) -> None:
    """Let the function on this machine, if that is asked for, load its model while this program is being loaded."""
    options["spawned"] = []
    if not options["urls"]:
        with suppress(UsageError):  # the call itself comes to the same place, and says what is wrong
            config = read_config(find_function_yaml(), env=options["env"], workers=options["workers"])
            for number in range(config.workers):
                worker = Worker(config, number)
                click.get_current_context().call_on_close(worker.kill)
                worker.spawn()
                options["spawned"].append(worker)
