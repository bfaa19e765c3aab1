"""The same few frames of a face in small files of many containers, by ffmpeg: to be damaged, or written in odd ways."""

from __future__ import annotations

import subprocess
from pathlib import Path

from examples.sample_clip import Image, pan, write_clip
from tests.support.awkward_kind import run_ffmpeg

FRAMES = 16
H264 = "-c:v libx264 -preset veryfast -crf 23 -pix_fmt yuv420p -threads 1 -g 8 -bf 2 -c:a aac"
MPEG4 = "-c:v mpeg4 -q:v 3 -c:a libmp3lame"
MPEG2 = "-c:v mpeg2video -q:v 4 -g 8 -bf 2 -c:a mp2"
FRAGMENTS = "-movflags frag_keyframe+empty_moov"
CLIPS = {
    "h264.mkv": H264,
    "mpeg4.mkv": MPEG4,
    "vp8.webm": "-c:v libvpx -b:v 1M -g 8 -c:a libvorbis",
    "h264.mp4": H264,
    "first.mp4": f"{H264} -movflags +faststart",
    "fragments.mp4": f"{H264} {FRAGMENTS}",
    "prores.mov": "-c:v prores_ks -profile:v 0 -c:a pcm_s16le",
    "mpeg4.avi": MPEG4,
    "mjpeg.avi": "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le",
    "h264.ts": H264,
    "mpeg2.ts": MPEG2,
    "h264.m2ts": f"{H264} -mpegts_m2ts_mode 1",
    "mpeg2.mpg": f"{MPEG2} -f vob",
    "h264.flv": H264,
    "theora.ogv": "-c:v libtheora -q:v 6 -c:a libvorbis",
    "wmv2.wmv": "-c:v wmv2 -q:v 4 -c:a wmav2",
    "mpeg2.mxf": "-c:v mpeg2video -q:v 4 -c:a pcm_s16le -ar 48000",
    "vp8.ivf": "-c:v libvpx -b:v 1M -an",
}


def make_source(folder: Path, face: Image) -> Path:
    """The frames, lossless, of which the clips are made."""
    return write_clip(folder / "source.mkv", pan(face, (160, 120), FRAMES), video_codec="ffv1", audio_codec="pcm_s16le")


def make_clips(source: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, arguments in CLIPS.items():
        run_ffmpeg(f"-i {{source}} {arguments} {{target}}", source=source, target=folder / name)


def piped(source: Path, arguments: str) -> bytes:
    """A file that ffmpeg wrote to a pipe: it cannot go back and fill in a length."""
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-i", source, *arguments.split(), "pipe:1"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
