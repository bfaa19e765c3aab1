"""Options that several commands share. Each group reaches its command as one typed object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from faceblur.base.options import MAX_DETECT_EVERY, PRESETS, STYLES, Changes, Options
from faceblur.cli.number import Number
from faceblur.cli.region_options import PREVIEW, REGIONS, SPAN, options_with_regions
from faceblur.cli.stacked_options import grouped, stacked
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.endpoint import Endpoint
from faceblur_function.defaults import MAX_FRAMES

Parse = Callable[[click.Context, click.Parameter, tuple[str, ...]], dict[str, str]]
DEFAULTS = Options()
AN_ENDPOINT = Endpoint()


class SearchedEvery(click.ParamType[int | None]):
    """An interval of frames, None for `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "auto":
            return None
        if str(value).isdecimal() and 1 <= int(value) <= MAX_DETECT_EVERY:
            return int(value)
        self.fail(f"{value!r} is neither auto nor a number from 1 to {MAX_DETECT_EVERY}", param, ctx)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an evaluation is to reach, to vary and to write."""

    images: Path | None = None
    min_recall: float | None = None
    sweep: Literal["threshold", "detect-size"] | None = None
    png: Path | None = None
    json_file: Path | None = None

    def __post_init__(self) -> None:
        if self.png and not self.sweep:
            raise click.BadParameter("--png is for --sweep")


def _pairs(separator: str, example: str) -> Parse:
    def parse(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
        pairs = {}
        for value in values:
            name, separated, rest = value.partition(separator)
            if not separated or not name.strip() or not value.isprintable():
                raise click.BadParameter(f"{value!r} is not of the form {example}")
            pairs[name.strip()] = rest.strip()
        return pairs

    return parse


def _verbosity(quiet: bool, verbose: int, log_json: bool) -> Verbosity:
    return Verbosity(-1 if quiet else verbose, log_json)


# fmt: off
FILES = stacked(
    click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path)),
    click.option("-o", "--output", "outdir", required=True, metavar="OUT", type=click.Path(path_type=Path),
                 help="Folder for the outputs. The folder tree of the inputs is kept below it. For one input file: "
                      "also the file to write, by its suffix."),
    click.option("--overwrite", is_flag=True, help="Replace outputs that exist already."),
)
THRESHOLD = click.option(
    "--threshold", type=Number(0, 1), default=DEFAULTS.threshold, show_default=True, metavar="SCORE",
    help="Lowest score of a face that is masked. A lower value masks more faces, and more areas that are no face.")
STYLE = click.option(
    "--style", type=click.Choice(STYLES), default=DEFAULTS.style, show_default=True,
    help="How a face is masked.")
PADDING = click.option(
    "--padding", type=Number(0, 2), default=DEFAULTS.padding, show_default=True, metavar="SHARE",
    help="How much the box of a face grows on each side, as a share of its size.")
VERIFY = click.option("--verify/--no-verify", default=True, show_default=True,
                      help="Have the function's second detector look at faces whose scores are not certain. Those that "
                           "it rejects are not masked. The summary and the sidecar report them.")
LOOK_AROUND = click.option(
    "--look-around", type=Number(0, 5), default=DEFAULTS.look_around, show_default=True, metavar="SECONDS",
    help="Seconds for which a face stays masked before its first detection, after its last one, and in gaps between.")
KEEP_LOCATION = click.option(
    "--keep-location", is_flag=True,
    help="Keep the metadata that identifies where and with which device a video was filmed.")
TOLERATE_DAMAGE = click.option(
    "--tolerate-damage", is_flag=True,
    help="Write what can be read of a damaged or cut video, and report what cannot.")
LOCAL = stacked(
    click.option("--workers", type=click.IntRange(1), metavar="N",
                 help="Number of workers of the function on this machine.  "
                      "[default: numWorkers of function.yaml, at most one for every 2 cores]"),
    click.option("--env", multiple=True, metavar="NAME=VALUE", callback=_pairs("=", "NAME=VALUE"),
                 help="A setting of the function on this machine. May be repeated."),
)
FUNCTION = grouped(
    "endpoint",
    Endpoint,
    click.option("--function", "urls", multiple=True, metavar="URL",
                 help="Address of a deployed function. May be repeated: the requests are spread over all addresses; "
                      "audit asks each of them.  [default: function.yaml's function on this machine]"),
    click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", callback=_pairs(":", "'Name: value'"),
                 help="HTTP header of every request to --function, such as 'Authorization: …'. May be repeated."),
    click.option("--ca-file", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
                 help="File of the certificates to trust for https addresses of --function, instead of the system's."),
    click.option("--timeout", type=Number(1), default=AN_ENDPOINT.timeout, show_default=True, metavar="SECONDS",
                 help="Seconds that one request may take."),
    click.option("--give-up-after", type=Number(0), default=AN_ENDPOINT.give_up_after, show_default=True,
                 metavar="SECONDS", help="Seconds after which a batch without a valid reply fails its file."),
    click.option("--concurrency", type=click.IntRange(1), metavar="N",
                 help="Maximum number of batches in flight. It bounds the memory.  "
                      "[default: adaptive, at most 128; on this machine the workers plus 2]"),
    LOCAL,
)
IMAGE_OPTIONS = grouped("options", options_with_regions, THRESHOLD, VERIFY, STYLE, PADDING, REGIONS)
VIDEO_OPTIONS = grouped(
    "options",
    options_with_regions,
    THRESHOLD,
    VERIFY,
    STYLE,
    PADDING,
    click.option("--return", "returned", type=click.Choice(["frames", "faces"]),
                 help="What the function sends back: frames (blurred, for verification) or faces (only boxes). The "
                      "output is the same.  [default: frames; faces from the function on this machine]"),
    LOOK_AROUND,
    click.option("--detect-every", type=SearchedEvery(), default="auto", show_default=True, metavar="N|auto",
                 help="Search every Nth frame where the faces before and after agree and nothing new is seen, and more "
                "frames elsewhere. "
                      "auto: N is at most 12. 1: every frame."),
    click.option("--batch-size", type=click.IntRange(1, MAX_FRAMES), default=DEFAULTS.batch_size, show_default=True,
                 metavar="N", help="Frames in one request."),
    click.option("--sidecar/--no-sidecar", default=True, show_default=True,
                 help="Write NAME.faces.jsonl beside each output. It lists every face of every frame, for audit, "
                      "edits and render."),
    click.option("--encoder", metavar="NAME",
                 help="FFmpeg's name of a video encoder.  [default: one of the source's codec]"),
    click.option("--crf", type=click.IntRange(0, 63), metavar="N",
                 help="Constant quality of the encoder. A lower value gives a better and larger file.  "
                      "[default: the encoder's in docs/formats.md]"),
    click.option("--preset", type=click.Choice(PRESETS), default=DEFAULTS.preset, show_default=True,
                 help="Speed of the encoder. A slower preset gives a smaller file."),
    KEEP_LOCATION,
    TOLERATE_DAMAGE,
    REGIONS,
    SPAN,
    PREVIEW,
)
RENDER_OPTIONS = grouped(
    "changes",
    Changes,
    click.option("--style", type=click.Choice(STYLES), help="Another style.  [default: the sidecar's]"),
    click.option("--padding", type=Number(0, 2), metavar="SHARE",
                 help="Another growth of the boxes.  [default: the sidecar's]"),
    click.option("--encoder", metavar="NAME", help="Another encoder.  [default: the sidecar's]"),
    click.option("--crf", type=click.IntRange(0, 63), metavar="N",
                 help="Another quality.  [default: the sidecar's]"),
    click.option("--preset", type=click.Choice(PRESETS), help="Another preset.  [default: the sidecar's]"),
    click.option("--spare-track", "spare_tracks", type=int, multiple=True, metavar="N",
                 help="Do not mask this track: a face that stays visible on purpose. Summary, sidecar and audit report "
                      "it. May be repeated."),
    KEEP_LOCATION,
    TOLERATE_DAMAGE,
    PREVIEW,
)
MEASUREMENT = grouped(
    "measurement",
    Measurement,
    click.option("--images", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False),
                 help="Folder to which the image names in the labels are relative.  [default: beside the labels]"),
    click.option("--min-recall", type=Number(0, 1), metavar="SHARE",
                 help="Exit with 1 when the recall of faces of 16 or more pixels is lower."),
    click.option("--sweep", type=click.Choice(["threshold", "detect-size"]),
                 help="Print and draw how the figures change with the threshold or the function's DETECT_SIZE."),
    click.option("--png", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
                 help="File for the chart of --sweep.  [default: sweep-threshold.png or sweep-detect-size.png]"),
    click.option("--json", "json_file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
                 help="Write the figures to this JSON file too."),
)
LOGGING = grouped(
    "verbosity",
    _verbosity,
    click.option("-q", "--quiet", is_flag=True, help="Print only errors."),
    click.option("-v", "--verbose", count=True, help="Log more. -vv logs everything."),
    click.option("--log-json", is_flag=True, help="Log JSON lines on stderr, without progress bars."),
)
# fmt: on
