"""Whether an output that is there already was made by the same choices of people."""

from __future__ import annotations

from pathlib import Path

from faceblur.base.errors import SidecarError
from faceblur.base.options import Options
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur.redaction.sidecar_format import SettingsUsed


def has_other_choices(output: Path, options: Options) -> bool:
    """Whether the sidecar of an output says that other boxes or another span were chosen for it.

    False where it has no sidecar that can be read: nothing is known of it then.
    """
    sidecar = sidecar_path(output)
    if not sidecar.is_file():
        return False
    try:
        with SidecarReader(sidecar) as reader:
            return _choices(reader.header.settings) != _choices(SettingsUsed.of(options))
    except SidecarError:
        return False


def _choices(settings: SettingsUsed) -> tuple[object, ...]:
    return settings.cover, settings.spare, settings.start, settings.end, settings.keep_rest
