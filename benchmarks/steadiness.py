"""How steady masks are, and how much they hide: `python -m benchmarks.steadiness SOURCE OUTPUT…`.

It takes each OUTPUT's sidecar, and the camera's motion of its SOURCE. A mask jumps when an edge moves by more than a
quarter of the mask's size from one frame to the next, beside the camera's motion. One that begins or ends while it
moves is no jump: how often tracks begin is counted too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.leak_curves import frame_thumbnail, opaque_mask
from benchmarks.leaks import decoded
from faceblur import read_sidecar, sidecar_path
from faceblur.tracking.boxes import Box
from faceblur.tracking.camera_motion import CameraMotion
from faceblur.tracking.scene_cuts import transition

JUMP = 0.25


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Of one clip: how far edges moved as shares of the masks' sizes, tracks, and the share of pixels masked."""

    moved: list[float]
    tracks: int
    masked: float
    frames: int

    def row(self) -> list[str]:
        jumps = sum(one > JUMP for one in self.moved)
        return [
            str(self.frames),
            f"{np.mean(self.moved or [0]):.1%}",
            str(jumps),
            str(self.tracks),
            f"{self.masked:.2%}",
        ]


def edges_moved(before: dict[int | None, Box], after: dict[int | None, Box], camera: CameraMotion) -> list[float]:
    """How far the edges of each mask moved beside the camera's motion, as a share of its size."""
    moved = []
    for track, box in after.items():
        if track in before:
            carried = camera.carry(before[track])
            size = max(1.0, float(np.sqrt((carried[2] - carried[0]) * (carried[3] - carried[1]))))
            moved.append(max(abs(a - b) for a, b in zip(carried, box, strict=True)) / size)
    return moved


def measure(source: Path, output: Path) -> Steadiness:
    """Measure one output by its sidecar."""
    sidecar = read_sidecar(sidecar_path(output))
    padding, size_wh = sidecar.header.settings.padding, sidecar.header.frame_wh
    moved: list[float] = []
    shares, tracks = [], set()
    thumbnail, masks = None, {}
    for frame, line in zip(decoded(source), sidecar.frames, strict=True):
        last, before = thumbnail, masks
        thumbnail = frame_thumbnail(frame)
        masks = {face.track: face.box for face in line.faces if face.is_masked}
        cut, camera = transition(last, thumbnail)
        if not cut:
            moved += edges_moved(before, masks, camera)
        tracks |= masks.keys()
        shares.append(float(opaque_mask(list(masks.values()), size_wh, padding).mean()))
    return Steadiness(moved, len(tracks), float(np.mean(shares)), len(shares))


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(paths: tuple[Path, ...]) -> None:
    """Print one row for each pair of a SOURCE and its OUTPUT."""
    table = Table("clip", "frames", "edges moved", "jumps", "tracks", "pixels masked")
    for source, output in zip(paths[::2], paths[1::2], strict=True):
        table.add_row(source.stem, *measure(source, output).row())
    Console().print(table)


if __name__ == "__main__":
    main()
