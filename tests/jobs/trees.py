"""Folders with copies of a clip, and where a run writes them."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from faceblur.cli.app import main
from faceblur.jobs.discovery import Discovery


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def tree(folder: Path, clip: Path, *names: str) -> Path:
    """A folder with copies of a clip."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(clip.read_bytes())
    return folder


def output_paths(found: Discovery, outdir: Path) -> dict[str, str]:
    """Where each source is written below the output folder, by its own name and that of its folder."""
    return {f"{one.source.parent.name}/{one.source.name}": str(one.target.relative_to(outdir)) for one in found.files}
