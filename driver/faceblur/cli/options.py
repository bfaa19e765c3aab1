"""Options that several commands share, each group as one decorator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

MAX_EVERY = 30  # frames from one search to the next
F = TypeVar("F", bound=Callable[..., Any])
Parse = Callable[[click.Context, click.Parameter, tuple[str, ...]], dict[str, str]]


def _stacked(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _pairs(separator: str, example: str) -> Parse:
    def parse(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
        pairs = {}
        for value in values:
            name, found, rest = value.partition(separator)
            if not found or not name.strip() or not value.isprintable():
                raise click.BadParameter(f"{value!r} is not of the form {example}")
            pairs[name.strip()] = rest.strip()
        return pairs

    return parse


def parse_every(context: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """An interval of frames, None for `auto`."""
    if value == "auto":
        return None
    if value.isdecimal() and 1 <= int(value) <= MAX_EVERY:
        return int(value)
    raise click.BadParameter(f"{value!r} is neither auto nor a number from 1 to {MAX_EVERY}")


# fmt: off
FILES = _stacked(
    click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path)),
    click.option("-o", "--output", "outdir", required=True, metavar="OUTDIR", type=click.Path(path_type=Path),
                 help="Folder for the results; the tree of the inputs is kept below it."),
    click.option("--overwrite", is_flag=True, help="Write files that exist already again."),
)
THRESHOLD = click.option(
    "--threshold", type=click.FloatRange(0, 1), default=0.3, show_default=True, metavar="SCORE",
    help="Score from which a face is redacted; lower finds more faces, and more that are none.")
PADDING = click.option(
    "--padding", type=click.FloatRange(0, 2), default=0.25, show_default=True, metavar="SHARE",
    help="How much a face's box grows on each side, as a share of its size.")
LOOK_AROUND = click.option(
    "--look-around", type=click.FloatRange(0, 5), default=0.4, show_default=True, metavar="SECONDS",
    help="How long a face stays covered before its first and after its last find, and in between.")
REDACTION = _stacked(
    THRESHOLD,
    click.option("--style", type=click.Choice(["blur", "pixelate", "solid"]), default="blur", show_default=True,
                 help="How a face is made unreadable."),
    PADDING,
)
KEEP_LOCATION = click.option(
    "--keep-location", is_flag=True, help="Keep the tags that tell where a video was filmed and with which device.")
TOLERATE_DAMAGE = click.option(
    "--tolerate-damage", is_flag=True, help="Write what can be read of a damaged video, and tell what cannot.")
LOCAL = _stacked(
    click.option("--workers", type=click.IntRange(1), metavar="N",
                 help="Workers of the function on this machine.  "
                      "[default: numWorkers of function.yaml, at most one for 2 cores]"),
    click.option("--env", multiple=True, metavar="K=V", callback=_pairs("=", "NAME=VALUE"),
                 help="Set a variable of the function on this machine. May be repeated."),
)
FUNCTION = _stacked(
    click.option("--function", "urls", multiple=True, metavar="URL",
                 help="Address of a deployed function. May be repeated: requests are spread over all (audit: each).  "
                      "[default: function.yaml's function on this machine]"),
    click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", callback=_pairs(":", "'Name: value'"),
                 help="HTTP header of every request, such as 'Authorization: …'. May be repeated."),
    click.option("--ca-file", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
                 help="Certificates to trust for https addresses, instead of the system's."),
    click.option("--timeout", type=click.FloatRange(1), default=120.0, show_default=True, metavar="SECONDS",
                 help="Time for one request."),
    click.option("--give-up-after", type=click.FloatRange(0), default=300.0, show_default=True, metavar="SECONDS",
                 help="Time after which a batch without a good answer fails its file."),
    click.option("--concurrency", type=click.IntRange(1), metavar="N",
                 help="Most batches in flight; bounds the memory.  "
                      "[default: finds itself, at most 128; here the workers plus 2]"),
    LOCAL,
)
LOGGING = _stacked(
    click.option("-q", "--quiet", is_flag=True, help="Only errors."),
    click.option("-v", "--verbose", count=True, help="More about what happens; -vv for everything."),
    click.option("--log-json", is_flag=True, help="Log JSON lines on stderr, without progress bars."),
)
# fmt: on
