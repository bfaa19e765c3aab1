"""Options that several commands share. Each group reaches its command as one typed object."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from faceblur.base.options import MAX_DETECT_EVERY, PRESETS, STYLES, Options
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.endpoint import Endpoint
from faceblur_function.defaults import MAX_FRAMES

Command = TypeVar("Command", bound=Callable[..., None])
Decorate = Callable[[Command], Command]
Parse = Callable[[click.Context, click.Parameter, tuple[str, ...]], dict[str, str]]
DEFAULTS = Options()
AN_ENDPOINT = Endpoint()


class Number(click.FloatRange):
    """A number in a range. NaN is refused, which click would accept."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail("a number is needed", param, ctx)
        return number


class SearchedEvery(click.ParamType[int | None]):
    """An interval of frames, None for `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "auto":
            return None
        if str(value).isdecimal() and 1 <= int(value) <= MAX_DETECT_EVERY:
            return int(value)
        self.fail(f"{value!r} is neither auto nor a number from 1 to {MAX_DETECT_EVERY}", param, ctx)


def stacked(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def grouped(name: str, build: Callable[..., Any], *options: Any) -> Callable[[Command], Command]:
    """Several options as one decorator; their values reach the command as one argument `name`, built of them."""

    def decorate(command: Command) -> Command:
        before = len(getattr(command, "__click_params__", []))
        command = stacked(*options)(command)
        params: list[click.Parameter] = command.__click_params__[before:]  # type: ignore[attr-defined]
        names = [str(param.name) for param in params]

        @functools.wraps(command)
        def call(**values: Any) -> None:
            built = build(**{one: values.pop(one) for one in names})
            command(**values, **{name: built})

        return call  # type: ignore[return-value]

    return decorate


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
    click.option("-o", "--output", "outdir", required=True, metavar="OUTDIR", type=click.Path(path_type=Path),
                 help="Folder for the results; the tree of the inputs is kept below it."),
    click.option("--overwrite", is_flag=True, help="Write files that exist already again."),
)
THRESHOLD = click.option(
    "--threshold", type=Number(0, 1), default=DEFAULTS.threshold, show_default=True, metavar="SCORE",
    help="Score from which a face is redacted; lower detects more faces, and more that are none.")
STYLE = click.option(
    "--style", type=click.Choice(STYLES), default=DEFAULTS.style, show_default=True,
    help="How a face is made unreadable.")
PADDING = click.option(
    "--padding", type=Number(0, 2), default=DEFAULTS.padding, show_default=True, metavar="SHARE",
    help="How much a face's box grows on each side, as a share of its size.")
LOOK_AROUND = click.option(
    "--look-around", type=Number(0, 5), default=DEFAULTS.look_around, show_default=True, metavar="SECONDS",
    help="How long a face stays masked before its first and after its last detection, and in between.")
KEEP_LOCATION = click.option(
    "--keep-location", is_flag=True,
    help="Keep the tags that identify where a video was filmed and with which device.")
TOLERATE_DAMAGE = click.option(
    "--tolerate-damage", is_flag=True,
    help="Write what can be read of a damaged video, and report what cannot.")
LOCAL = stacked(
    click.option("--workers", type=click.IntRange(1), metavar="N",
                 help="Workers of the function on this machine.  "
                      "[default: numWorkers of function.yaml, at most one for 2 cores]"),
    click.option("--env", multiple=True, metavar="K=V", callback=_pairs("=", "NAME=VALUE"),
                 help="Set a variable of the function on this machine. May be repeated."),
)
FUNCTION = grouped(
    "endpoint",
    Endpoint,
    click.option("--function", "urls", multiple=True, metavar="URL",
                 help="Address of a deployed function. May be repeated: requests are spread over all (audit: each).  "
                      "[default: function.yaml's function on this machine]"),
    click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", callback=_pairs(":", "'Name: value'"),
                 help="HTTP header of every request, such as 'Authorization: …'. May be repeated."),
    click.option("--ca-file", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
                 help="Certificates to trust for https addresses, instead of the system's."),
    click.option("--timeout", type=Number(1), default=AN_ENDPOINT.timeout, show_default=True, metavar="SECONDS",
                 help="Time for one request."),
    click.option("--give-up-after", type=Number(0), default=AN_ENDPOINT.give_up_after, show_default=True,
                 metavar="SECONDS", help="Time after which a batch without a good answer fails its file."),
    click.option("--concurrency", type=click.IntRange(1), metavar="N",
                 help="Most batches in flight; bounds the memory.  "
                      "[default: adaptive, at most 128; here the workers plus 2]"),
    LOCAL,
)
IMAGE_OPTIONS = grouped("options", Options, THRESHOLD, STYLE, PADDING)
VIDEO_OPTIONS = grouped(
    "options",
    Options,
    THRESHOLD,
    STYLE,
    PADDING,
    click.option("--return", "returned", type=click.Choice(["frames", "faces"]),
                 help="What the function sends back: blurred frames, to be verified, or boxes alone; the result is the "
                      "same.  [default: frames; faces from the function on this machine]"),
    LOOK_AROUND,
    click.option("--detect-every", type=SearchedEvery(), default="auto", show_default=True, metavar="N|auto",
                 help="Search every Nth frame where the faces before and after agree, and more of them elsewhere; "
                      "auto: up to every 6th; 1: every frame."),
    click.option("--batch-size", type=click.IntRange(1, MAX_FRAMES), default=DEFAULTS.batch_size, show_default=True,
                 metavar="N", help="Frames in one request."),
    click.option("--sidecar/--no-sidecar", default=True, show_default=True,
                 help="Write NAME.faces.jsonl beside each output: every face of every frame, to audit, edit and render "
                      "again."),
    click.option("--encoder", metavar="NAME", help="FFmpeg's video encoder.  [default: one of the source's codec]"),
    click.option("--crf", type=click.IntRange(0, 63), metavar="N",
                 help="Constant quality of the encoder: lower is better and larger.  "
                      "[default: the encoder's in docs/formats.md]"),
    click.option("--preset", type=click.Choice(PRESETS), default=DEFAULTS.preset, show_default=True,
                 help="Speed of the encoder against the size of the file."),
    KEEP_LOCATION,
    TOLERATE_DAMAGE,
)
LOGGING = grouped(
    "verbosity",
    _verbosity,
    click.option("-q", "--quiet", is_flag=True, help="Only errors."),
    click.option("-v", "--verbose", count=True, help="More about what happens; -vv for everything."),
    click.option("--log-json", is_flag=True, help="Log JSON lines on stderr, without progress bars."),
)
# fmt: on
