"""What ffprobe reports of a file, as plain facts that a source and its output can be compared by."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from examples.sample_clip import Image

# Of a video stream. Absent and unknown are the same.
VIDEO_FIELDS = (
    "codec_name width height pix_fmt sample_aspect_ratio color_range color_space color_transfer color_primaries"
)
SIDE_DATA = ("Mastering display metadata", "Content light level metadata")
STREAM_TAGS = ("language", "title", "filename", "mimetype", "timecode", "alpha_mode")
UNKNOWN = (None, "unknown", "und", "1:1", "0:1", "N/A")
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: its index in the file, its facts, the times of its frames (video) or packets in seconds, one tick,
    and its packets' hashes.
    """

    index: int
    kind: str
    facts: Facts
    times: list[Fraction]
    tick: Fraction
    hashes: list[str]


@dataclass(frozen=True, slots=True)
class Probed:
    """A file: its container, its tags, its chapters, and its streams by kind, in order."""

    container: str
    tags: Facts
    chapters: list[tuple[Fraction, Fraction, str]]
    streams: dict[str, list[Stream]]


def probe(path: Path) -> Probed:
    """Read a complete file with ffprobe. Raises CalledProcessError when it cannot."""
    options = "-show_format -show_streams -show_packets -show_frames -show_chapters -show_data_hash sha256 -of json"
    command = ["ffprobe", "-v", "error", *options.split(), f"file:{path}"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    items: dict[int, list[Facts]] = {}
    for one in found["packets_and_frames"]:
        if "stream_index" in one:
            items.setdefault(one["stream_index"], []).append(one)
    streams: dict[str, list[Stream]] = {}
    for reported in found["streams"]:
        stream = _stream(reported, items.get(reported["index"], []))
        streams.setdefault(stream.kind, []).append(stream)
    chapters = [
        (Fraction(one["start_time"]), Fraction(one["end_time"]), one.get("tags", {}).get("title", ""))
        for one in found["chapters"]
    ]
    return Probed(found["format"]["format_name"], found["format"].get("tags", {}), chapters, streams)


def _stream(reported: Facts, items: list[Facts]) -> Stream:
    frames = [one for one in items if one["type"] == "frame"]
    packets = [one for one in items if one["type"] == "packet"]
    kind = reported["codec_type"]
    tags = {name.lower(): value for name, value in reported.get("tags", {}).items()}  # Matroska's are in any case
    facts = {tag: tags.get(tag) for tag in STREAM_TAGS}
    facts["disposition"] = sorted(name for name, value in reported.get("disposition", {}).items() if value)
    shown, hashes = packets, [one["data_hash"] for one in packets]
    if kind == "video":
        shown, hashes = frames, []
        facts |= {name: reported.get(name) for name in VIDEO_FIELDS.split()}
        if frames:
            facts["fields"] = ("progressive", "upper first", "lower first")[
                frames[0]["interlaced_frame"] * (2 - frames[0]["top_field_first"])
            ]
        side_data = [*reported.get("side_data_list", []), *(frames[0].get("side_data_list", []) if frames else [])]
        facts["rotation"] = next((one["rotation"] for one in side_data if "rotation" in one), 0)
        for one in side_data:
            if one["side_data_type"] in SIDE_DATA:
                facts[one["side_data_type"]] = {key: value for key, value in one.items() if key != "side_data_type"}
    else:
        facts |= {name: reported.get(name) for name in ("codec_name", "sample_rate", "channels")}
    if kind == "attachment" or facts["codec_name"] == "ass":
        facts["extradata_hash"] = reported.get("extradata_hash")
    tick = Fraction(reported["time_base"])
    times = [one["pts"] * tick for one in shown if "pts" in one]
    return Stream(
        reported["index"], kind, {k: None if v in UNKNOWN else v for k, v in facts.items()}, times, tick, hashes
    )


def decoded(path: Path, index: int, size_wh: tuple[int, int], *, alpha: bool = False) -> list[Image]:
    """The frames of a file's video stream, the `index`th of these, upright, as `(H, W, 3) uint8 BGR`.

    `size_wh` is theirs. `alpha`: their transparency instead, `(H, W, 1)`. None where ffmpeg fails.
    """
    decoder = ["-c:v", "libvpx-vp9"] if alpha and path.suffix == ".webm" else []  # the other one leaves alpha out
    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", *decoder, "-i", f"file:{path}"]
    command += ["-map", f"0:v:{index}", "-fps_mode", "passthrough", "-pix_fmt", "gray" if alpha else "bgr24"]
    command += ["-vf", "alphaextract" if alpha else "null", "-f", "rawvideo", "-"]
    done = subprocess.run(command, capture_output=True)
    content = b"" if done.returncode else done.stdout
    return list(np.frombuffer(content, np.uint8).reshape(-1, size_wh[1], size_wh[0], 1 if alpha else 3))
