"""How a sidecar names its source, and where that is. JSON holds text: bytes of a name that are no UTF-8 are escaped."""

from __future__ import annotations

import os
import re
from pathlib import Path

# A byte that is no UTF-8, as Python escapes it.
_ESCAPED = re.compile(r"\\udc([89a-f][0-9a-f])")


def json_name(name: str) -> str:
    """A name or a path as JSON can hold it: bytes that are no UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def named_in(folder: Path, text: str) -> Path:
    """The file in a folder that a sidecar names: the one with this very name, or with the bytes that are escaped.

    It need not be there: a name may even be too long for any file.
    """
    path = folder / text
    if os.path.exists(path) or not _ESCAPED.search(text):
        return path
    return folder / _ESCAPED.sub(lambda match: chr(0xDC00 + int(match[1], 16)), text)


def path_from(sidecar: Path, source: Path) -> str:
    """Where a source lies from its sidecar's folder on, as a sidecar says it: `named_in` that folder it is found."""
    return json_name(os.path.relpath(source.resolve(), sidecar.parent.resolve()))
