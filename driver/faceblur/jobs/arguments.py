"""The arguments that the API's functions take in several forms: paths, and where the function is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from faceblur.detection.endpoint import Endpoint

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def paths(inputs: Paths) -> list[Path]:
    """One path or several as a list of paths."""
    return [Path(inputs)] if isinstance(inputs, str | os.PathLike) else [Path(one) for one in inputs]


def endpoint(function: Sequence[str] | Endpoint) -> Endpoint:
    """The URLs of a function, or an endpoint, as an endpoint."""
    if isinstance(function, Endpoint):
        return function
    return Endpoint(urls=(function,) if isinstance(function, str) else tuple(function))
