"""A source of which frames are missing: the audit of its output says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner

from examples.sample_clip import Image, pan, write_clip
from faceblur.auditing.audit import audit
from faceblur.cli.app import main
from faceblur.detection.endpoint import Endpoint


def test_damage_of_the_source_is_worth_watching(face: Image, function_url: str, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "cut.mkv", pan(face, (160, 120), 12))
    source.write_bytes(source.read_bytes()[:-3000])
    options = ["--function", function_url, "--tolerate-damage"]
    result = CliRunner().invoke(main, ["run", str(source), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    report = asyncio.run(audit(source, tmp_path / "out" / source.name, endpoint=Endpoint((function_url,))))
    (found,) = [one for one in report.watch if one.kind == "damaged"]
    assert found.text.startswith("the source is cut short") and "frames may be missing" in found.text
