"""How sidecars name sources: names need not be UTF-8, and JSON holds text only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from faceblur.redaction.named_source import json_name, named_in, path_from

NOT_UTF8 = os.fsdecode(b"clip \xff\xe4.mp4")


@pytest.mark.parametrize("name", ["clip.mp4", "L\u00f6we.mp4", "a\nb.mp4", r"a\udcff.mp4", NOT_UTF8])
def test_a_source_is_found_by_its_name_in_json(tmp_path: Path, name: str) -> None:
    source, sidecar = tmp_path / "in" / name, tmp_path / "out" / "clip.mp4.faces.jsonl"
    source.parent.mkdir()
    sidecar.parent.mkdir()
    source.touch()
    named = json_name(name)
    named.encode()  # it is text
    assert named_in(source.parent, named) == source
    assert named_in(sidecar.parent, path_from(sidecar, source)).resolve() == source.resolve()


def test_json_name_escapes_what_is_no_utf8() -> None:
    assert json_name("a\udcff.mp4") == "a\\udcff.mp4"


def test_a_source_that_is_gone_has_the_name_that_the_sidecar_says(tmp_path: Path) -> None:
    assert named_in(tmp_path, "clip.mp4") == tmp_path / "clip.mp4"
