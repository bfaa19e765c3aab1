"""Whether an output that is there already was made by the same choices of people, and with the same settings."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from faceblur.base.errors import SidecarError
from faceblur.base.options import Options
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur.redaction.sidecar_format import SettingsUsed


def has_other_choices(output: Path, options: Options) -> bool:
    """Whether the sidecar of an output says that other boxes or another span were chosen for it.

    False where it has no sidecar that can be read: nothing is known of it then.
    """
    settings = _settings_of(output)
    return settings is not None and _choices(settings) != _choices(SettingsUsed.of(options))


def other_settings(output: Path, options: Options) -> list[str]:
    """The options that were others when an output was made, as its sidecar says; none where that is not known."""
    settings, now = _settings_of(output), SettingsUsed.of(options)
    names = [one.name for one in fields(SettingsUsed) if one.name != "low_threshold"]  # it follows from the threshold
    changed = [] if settings is None else [name for name in names if getattr(settings, name) != getattr(now, name)]
    return ["--" + name.replace("_", "-") for name in changed]


def _settings_of(output: Path) -> SettingsUsed | None:
    sidecar = sidecar_path(output)
    if not sidecar.is_file():
        return None
    try:
        with SidecarReader(sidecar) as reader:
            return reader.header.settings
    except SidecarError:
        return None


def _choices(settings: SettingsUsed) -> tuple[object, ...]:
    return settings.cover, settings.spare, settings.start, settings.end, settings.keep_rest
