"""Names of files that are complete or absent."""

from __future__ import annotations

import os

import pytest

from faceblur.base.atomic_files import LONGEST_NAME, fitting_name
from faceblur.redaction.sidecar_files import SUFFIX


@pytest.mark.parametrize("name", ["a", "é" * 127, "x" * 255, "é" * 121 + "x"])
def test_longer_names_fit_and_differ(name: str) -> None:
    made = fitting_name(name, SUFFIX)
    assert made.endswith(SUFFIX) and len(os.fsencode(made)) <= LONGEST_NAME and "\ufffd" not in made
    assert made != fitting_name(name[:-1] + "z", SUFFIX) and made == fitting_name(name, SUFFIX)
