"""Files with several video streams, and with cover art: all are redacted, recorded and rendered."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest
from click.testing import CliRunner

from faceblur.cli.app import main
from tests.support import awkward


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", ["cover_art.mkv", "second_video.mp4"])
def test_sidecar_lists_every_video_stream_and_renders_it(name: str, function_url: str, tmp_path: Path) -> None:
    kind = next(one for one in awkward.HEALTHY if one.name == name)
    awkward.make_all((kind,), tmp_path / "material", tmp_path / "in")
    source, target, again = (tmp_path / folder / name for folder in ("in", "out", "again"))
    run("run", source, "-o", target.parent, "--function", function_url)
    lines = [json.loads(line) for line in Path(f"{target}.faces.jsonl").read_text().splitlines()[1:]]
    streams = {line["stream"]: [] for line in lines}
    for line in lines:
        streams[line["stream"]].append(line["frame"])
        assert line["faces"]
    assert list(map(len, streams.values())) in ([1, 12], [12, 12])
    again.parent.mkdir()
    run("render", source, f"{target}.faces.jsonl", "-o", again)
    for index in range(len(streams)):
        with av.open(str(target)) as first, av.open(str(again)) as second:
            for one, two in zip(first.decode(video=index), second.decode(video=index), strict=True):
                assert (one.to_ndarray() == two.to_ndarray()).all() and one.pts == two.pts
