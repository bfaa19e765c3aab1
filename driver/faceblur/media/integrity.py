"""Whether a file is complete by its container's own structure: what is cut or damaged often decodes without an error.

FFmpeg skips damaged parts of Matroska, FLV, ASF and Ogg without a message; the structure of the file shows them.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

from faceblur.media.structure.asf import asf
from faceblur.media.structure.avi import avi
from faceblur.media.structure.flv import flv
from faceblur.media.structure.iso_bmff import iso_bmff
from faceblur.media.structure.ivf import ivf
from faceblur.media.structure.matroska import matroska
from faceblur.media.structure.mpeg_ps import mpeg_ps
from faceblur.media.structure.mpeg_ts import mpeg_ts
from faceblur.media.structure.mxf import mxf
from faceblur.media.structure.ogg import ogg
from faceblur.media.structure.structure import Content, Fault, Structure, Videos
from faceblur.media.structure.yuv4mpeg import yuv4mpeg

# By FFmpeg's name of the container.
CHECKS: dict[str, Callable[[Content], Videos]] = {
    "mp4": iso_bmff,
    "matroska": matroska,
    "avi": avi,
    "mpegts": mpeg_ts,
    "mpeg": mpeg_ps,
    "flv": flv,
    "asf": asf,
    "ogg": ogg,
    "mxf": mxf,
    "ivf": ivf,
    "yuv4mpegpipe": yuv4mpeg,
}


def read_structure(path: Path, container: str) -> Structure:
    """What the structure of a file says. `container` is FFmpeg's name. Raises OSError."""
    check = next((CHECKS[name] for name in container.split(",") if name in CHECKS), None)
    with path.open("rb") as file:
        if check is None or not path.stat().st_size:
            return Structure()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return Structure(None, check(content))
            except Fault as fault:
                return Structure(str(fault))
            except (IndexError, ValueError, KeyError, struct.error):
                return Structure("cut short: its last part is not complete")


def find_fault(path: Path, container: str) -> str | None:
    """What is wrong with a file by its structure, None: nothing. Raises OSError."""
    return read_structure(path, container).fault
