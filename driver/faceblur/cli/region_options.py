"""The options for regions by hand: on the command line, and in a file for all videos of a fixed camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from faceblur.base.options import MAX_SECONDS, MIN_SECONDS, Options
from faceblur.base.regions import TimedRegion, read_regions
from faceblur.base.unreadable import why_unreadable
from faceblur.cli.number import Number
from faceblur.cli.stacked_options import stacked

# Of a file of regions, which may be a pipe or a device. MAX_REGIONS of each kind take less than 20,000.
MAX_CHARACTERS = 1 << 20
RegionTexts = tuple[str, ...]


class RegionText(click.ParamType[str]):
    """A region by hand."""

    name = "region"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(TimedRegion.parse(str(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class RegionsFile(click.ParamType[tuple[RegionTexts, RegionTexts]]):
    """A file of regions by hand: those to cover, and those to spare."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[RegionTexts, RegionTexts]:
        try:
            with Path(value).open(encoding="utf-8-sig") as file:  # as editors on Windows write it
                text = file.read(MAX_CHARACTERS + 1)
            if len(text) > MAX_CHARACTERS:
                raise ValueError(f"longer than {MAX_CHARACTERS} characters: is it another file?")
            return read_regions(text)
        except (OSError, UnicodeDecodeError) as error:
            self.fail(f"{value}: cannot be read: {why_unreadable(error)}", param, ctx)
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)


def options_with_regions(
    cover: RegionTexts, spare: RegionTexts, regions: tuple[RegionTexts, RegionTexts] | None, **rest: Any
) -> Options:
    """The options of a command, with the regions of the command line and of the file. Raises UsageError."""
    more_cover, more_spare = regions or ((), ())
    return Options(cover=cover + more_cover, spare=spare + more_spare, **rest)


# fmt: off
PREVIEW = click.option(
    "--preview", is_flag=True,
    help="Write a preview beside the output, for reviewers: the source, with the boxes, tracks, scores and states of "
         "the sidecar. It shows faces, as its name says: do not publish it.")
SPAN = stacked(
    click.option("--start", type=Number(0, MAX_SECONDS), metavar="SECONDS",
                 help="Begin here, and leave out what comes before. Seconds from the video's beginning.  "
                      "[default: the beginning]"),
    click.option("--end", type=Number(MIN_SECONDS, MAX_SECONDS), metavar="SECONDS",
                 help="End here, and leave out what comes after.  [default: the end]"),
    click.option("--keep-rest", is_flag=True,
                 help="Keep what lies before --start and after --end, without a search: faces in it stay visible. "
                      "Summary, sidecar and audit report it."),
)
REGIONS = stacked(
    click.option("--cover", type=RegionText(), multiple=True, metavar="X1,Y1,X2,Y2[@START-END]",
                 help="Mask this box completely, at these seconds or all the time. Pixels of the frame as it is shown, "
                      "from its upper left corner; seconds from the video's beginning. May be repeated."),
    click.option("--spare", type=RegionText(), multiple=True, metavar="X1,Y1,X2,Y2[@START-END]",
                 help="Do not mask faces that lie completely in this box. Summary, sidecar and audit report them. May "
                      "be repeated. What is also in a box of --cover is masked."),
    click.option("--regions", type=RegionsFile(), metavar="FILE",
                 help="File with more such boxes, one a line: cover or spare, a space, the box."),
)
# fmt: on
