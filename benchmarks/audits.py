"""Whether audits tell good outputs from spoilt ones: `python -m benchmarks.audits CLIPS…`.

Each clip is blurred and audited: a good output passes. Then the mask of one face is removed from its sidecar, the
output is written again with that sidecar, and audited: each of these has to fail. What scores high may still be no
face: look at what passed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from faceblur.redaction.sidecar_files import sidecar_path

# Tracks that reach this score, and in how many frames at least: others may be no faces.
MIN_SCORE, MIN_DETECTED = 0.9, 2
SPANS = (None, 1, 3)  # frames that lose their mask; None: all of the track's


@dataclass(frozen=True, slots=True)
class Removal:
    """The frames, both included, in which a track loses its mask."""

    track: int
    first: int
    last: int


def removals(lines: list[dict[str, Any]], tracks: int) -> Iterator[Removal]:
    """What to remove from a sidecar: of its largest and its smallest faces, whole tracks and short spans."""
    detected: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
    for line in lines:
        for face in line["faces"]:
            if face["state"] == "detected" and face.get("track") is not None:
                height = face["box"][3] - face["box"][1]
                detected[face["track"]].append((line["frame"], face["score"], height))
    sure = [
        track
        for track, seen in detected.items()
        if len(seen) >= MIN_DETECTED and max(score for _, score, _ in seen) >= MIN_SCORE
    ]
    sure.sort(key=lambda track: detected[track][0][2])
    for track in sure[:: max(1, (len(sure) - 1) // max(1, tracks - 1))][:tracks]:
        best = max(detected[track], key=lambda one: one[1])[0]
        for span in SPANS:
            if span is None:
                yield Removal(track, 0, lines[-1]["frame"])
            else:
                yield Removal(track, best - span // 2, best + span // 2)


def spoil(source: Path, good: Path, removal: Removal, output: Path) -> None:
    """Write an output as a run would have that had missed this face."""
    header, *lines = [json.loads(line) for line in sidecar_path(good).read_text().splitlines()]
    for line in lines:
        if removal.first <= line["frame"] <= removal.last:
            line["faces"] = [face for face in line["faces"] if face.get("track") != removal.track]
    edited = output.with_suffix(".edited.jsonl")
    edited.write_text("".join(json.dumps(line) + "\n" for line in (header, *lines)))
    faceblur("render", source, edited, "-o", output)


def faceblur(*arguments: object) -> int:
    """The exit code of a call."""
    call = [sys.executable, "-m", "faceblur", *(str(one) for one in arguments), "-q"]
    return subprocess.run(call, check=False, capture_output=True).returncode


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tracks", default=2, show_default=True, help="Faces of each clip that lose their masks.")
def main(clips: tuple[Path, ...], tracks: int) -> None:
    """Audit good outputs of the clips, and spoilt ones: exit code 1 when the audit took one for the other."""
    table = Table("clip", "removed", "exit code", "should be")
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        for number, source in enumerate(clips):
            good = Path(temporary, f"good{number}", source.name)
            if faceblur("run", source, "-o", good.parent):
                raise click.ClickException(f"{source}: the run fails")
            cases: list[tuple[str, int, Path]] = [("nothing", 0, good)]
            lines = [json.loads(line) for line in sidecar_path(good).read_text().splitlines()[1:]]
            for index, removal in enumerate(removals(lines, tracks)):
                output = Path(temporary, f"spoilt{number}-{index}", source.name)
                output.parent.mkdir()
                spoil(source, good, removal, output)
                cases.append((f"track {removal.track}, frames {removal.first}-{removal.last}", 1, output))
            for what, expected, output in cases:
                code = faceblur("audit", source, output)
                wrong += code != expected
                table.add_row(source.name, what, str(code), str(expected))
    Console().print(table)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
