"""Where a child process finds this program: in the same files as this process, wherever it was started from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("faceblur", "faceblur_function")


def child_python_path(environment: Mapping[str, str]) -> str:
    """PYTHONPATH of a child: the folders of this program's packages, then what its environment has."""
    specs = [find_spec(name) for name in PACKAGES]
    folders = [str(Path(spec.origin).parents[1]) for spec in specs if spec is not None and spec.origin is not None]
    given = environment.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(dict.fromkeys(filter(None, [*folders, *given])))
