"""Which videos are in a folder: outputs that are to be audited or released, or sources of which there should be one."""

from __future__ import annotations

import os
from pathlib import Path

from faceblur.jobs.discovery import walk
from faceblur.jobs.video_suffixes import SHARED_WITH_TEXT, VIDEO_SUFFIXES
from faceblur.redaction.sidecar_files import sidecar_path


def videos_below(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The videos below a folder, and what cannot be read: a folder may hold outputs, which nobody has audited then."""
    unreadable: list[tuple[Path, str]] = []
    found = [
        path
        for path, _, _ in walk([folder], VIDEO_SUFFIXES, unreadable)
        if path.suffix.lower() in VIDEO_SUFFIXES - SHARED_WITH_TEXT or os.path.exists(sidecar_path(path))
    ]
    return found, unreadable
