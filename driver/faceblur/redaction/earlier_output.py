"""An output that is there already: was it made of this video, by the same choices and settings?"""

from __future__ import annotations

import logging
from dataclasses import fields
from pathlib import Path

from faceblur.base.errors import SidecarError
from faceblur.base.options import Options
from faceblur.base.printable import shell_command
from faceblur.redaction.sidecar_files import SidecarReader, identify, sidecar_path
from faceblur.redaction.sidecar_format import Header, SettingsUsed, edits_path

log = logging.getLogger("faceblur")


def is_of_other_video(output: Path, source: Path) -> bool:
    """Whether the sidecar of an output says that it was made of another video than this one. Raises OSError.

    False where it has no sidecar that can be read: nothing is known of it then.
    """
    header = _header_of(output)
    return header is not None and not identify(source, None).is_of(header.video)


def has_other_choices(output: Path, options: Options) -> bool:
    """Whether the sidecar of an output says that other boxes or another span were chosen for it.

    False where it has no sidecar that can be read: nothing is known of it then.
    """
    header = _header_of(output)
    return header is not None and _choices(header.settings) != _choices(SettingsUsed.of(options))


def other_settings(output: Path, options: Options) -> list[str]:
    """The options that were others when an output was made, as its sidecar says; none where that is not known."""
    header, now = _header_of(output), SettingsUsed.of(options)
    if header is None:
        return []
    names = [one.name for one in fields(SettingsUsed) if one.name != "low_threshold"]  # it follows from the threshold
    changed = [name for name in names if getattr(header.settings, name) != getattr(now, name)]
    # Where nothing was verified, the function may have no second detector.
    if header.function.verifier is not None and not options.verify:
        changed.append("verify")
    return ["--" + name.replace("_", "-") for name in changed]


def warn_of_edits(output: Path) -> None:
    """Say how the edits get into an output that is older than they are, as after an edit that was interrupted.

    A copy whose times were not kept may be so too, and have them.
    """
    try:
        lacks_edits = edits_path(sidecar_path(output)).stat().st_mtime_ns > output.stat().st_mtime_ns
    except OSError:
        return
    if lacks_edits:
        command = shell_command("faceblur", "edit", output)
        log.warning(
            "%s is older than its edits, as when an edit was interrupted or files were copied without their times: %s "
            "puts them in",
            *(output, command),
        )


def _header_of(output: Path) -> Header | None:
    sidecar = sidecar_path(output)
    if not sidecar.is_file():
        return None
    try:
        with SidecarReader(sidecar) as reader:
            return reader.header
    except SidecarError:
        return None


def _choices(settings: SettingsUsed) -> tuple[object, ...]:
    return settings.cover, settings.spare, settings.start, settings.end, settings.keep_rest
