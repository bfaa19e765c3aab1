"""Wrong calls are refused with exit code 2 before any work."""

from __future__ import annotations

import json
import os
from pathlib import Path

from faceblur.detection.local_function.http_trigger import LocalFunction
from tests.cli.calls import invoke


def test_wrong_calls_are_refused_before_any_work(face_clip: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    (source / "a.mp4").write_bytes(face_clip.read_bytes())
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "note.txt").write_text("hello")
    (bare / "b.png").touch()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for arguments, message in [
        (("run", source, "-o", source), "lies in the input"),
        (("run", source, "-o", source / "sub" / "out"), "lies in the input"),
        (("run", source / "a.mp4", "-o", source), "is an input and would be an output"),
        (("run", tmp_path / "nowhere", "-o", tmp_path / "out"), "no such file or directory"),
        (("run", bare, "-o", tmp_path / "out"), f"no video in {bare}, but 1 image: `faceblur image` masks images"),
        (("image", source, "-o", tmp_path / "out"), f"no image in {source}, but 1 video: `faceblur run` masks videos"),
        (("run", source, "-o", face_clip), "is a file"),
        (("run", source), "Missing option '-o'"),
        (("run", "-o", tmp_path / "out"), "Missing argument 'INPUT...'"),
        (("run", source, "-o", tmp_path / "out", "--threshold", "high"), "--threshold"),
        (("run", source, "-o", tmp_path / "out", "--threshold", "nan"), "threshold"),
        (("run", source, "-o", tmp_path / "out", "--padding", "nan"), "padding"),
        (("run", source, "-o", tmp_path / "out", "--header", "A: b\r\nC: d"), "--header"),
        (("run", tmp_path / ("x" * 300), "-o", tmp_path / "out"), "too long"),
        (("run", source, "-o", tmp_path / "out", "--style", "emoji"), "--style"),
        (("run", source, "-o", tmp_path / "out", "--batch-size", "65"), "--batch-size"),
        (("run", source, "-o", tmp_path / "out", "--header", "nonsense"), "--header"),
        (("run", source, "-o", tmp_path / "out", "--ca-file", tmp_path / "nowhere"), "--ca-file"),
        (("run", source, "-o", tmp_path / "out", "--ca-file", fifo, "--function", "https://x"), "no regular file"),
        (("run", fifo, "-o", tmp_path / "out"), "neither a regular file nor a directory"),
        (("image", fifo, "-o", tmp_path / "out"), "neither a regular file nor a directory"),
        (("render", fifo, face_clip, "-o", tmp_path / "out.mp4"), "no regular file"),
        (("render", face_clip, fifo, "-o", tmp_path / "out.mp4"), "no regular file"),
        (("audit", face_clip, source / "a.mp4", fifo), "no such file"),
        (("audit", face_clip, source / "a.mp4"), "a.mp4.faces.jsonl: no such file: it is the sidecar, which a run"),
        (("edit", source / "a.mp4"), "a.mp4.faces.jsonl: no such file: it is the sidecar, which a run writes beside"),
        (("edit", source), f"{source}: a folder: name one output in it"),
        (("edit", source / "a.mp4.faces.jsonl"), "a sidecar: name the output, a.mp4"),
        (("edit", source / "no.mp4"), "no.mp4: no such file"),
        (("edit", tmp_path / ("x" * 300)), "no such file"),
        (("evaluate", fifo), "no such file"),
        (
            ("run", source, "-o", tmp_path / "out", "--ca-file", source / "a.mp4", "--function", "https://x"),
            "--ca-file",
        ),
        (("run", source, "-o", tmp_path / "out", "--env", "MODEL=gpt"), "unknown model 'gpt'"),
        (("run", source, "-o", tmp_path / "out", "--env", "DETECT_SIZES=640"), "is DETECT_SIZE meant?"),
        (("serve", "--port", "0", "--env", "detect_size=640"), "is DETECT_SIZE meant?"),
        (("run", source, "-o", tmp_path / "out", "--encoder", "nonsense"), "nonsense"),
        (("run", source, "-o", tmp_path / "out", "--preset", "blitz"), "--preset"),
        (("run", source, "-o", tmp_path / "out", "--function", "localhost:8080"), "is http://localhost:8080 meant?"),
        (("run", source, "-o", tmp_path / "out", "--function", "http://x", "--env", "A=1"), "not together"),
        (("run", source, "-o", tmp_path / "out", "--function", "http://x", "--workers", "1"), "not together"),
        (("run", source, "-o", tmp_path / "out", "--ca-file", source / "a.mp4"), "are for a deployed function"),
        (("image", source, "-o", tmp_path / "out", "--header", "A: b"), "are for a deployed function"),
        (("audit", face_clip, source / "a.mp4", "--header", "A: b"), "are for a deployed function"),
        (("evaluate", source, "--header", "A: b"), "are for a deployed function"),
        (("serve", "--port", "99999"), "--port"),
        (("serve", "--port", "0", "--host", ""), "every address of this machine"),
        (("image", bare / "b.png", "-o", bare), "is an input and would be an output"),
    ]:
        result = invoke(*arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert message in result.output and "Traceback" not in result.output, (arguments, result.output)
        assert not (tmp_path / "out").exists() and sorted(path.name for path in source.iterdir()) == ["a.mp4", "sub"]


def test_port_in_use_is_named(local_function: LocalFunction) -> None:
    port = local_function.url.rsplit(":", 1)[1]
    result = invoke("serve", "--port", port, "--workers", "1")
    assert result.exit_code == 2 and f"cannot listen on 127.0.0.1 port {port}: " in result.output


def test_a_video_in_place_of_a_text_is_said_to_be_no_text(face_clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(face_clip.read_bytes())
    coco = tmp_path / "labels.json"
    coco.write_bytes(face_clip.read_bytes())
    (tmp_path / "out.mp4.edits.jsonl").write_text(json.dumps({"faceblur_edits": 1, "sidecar_sha256": "0" * 64}))
    for code, *arguments in [
        (2, "run", face_clip, "-o", tmp_path / "new", "--regions", output),
        (2, "evaluate", output),
        (2, "evaluate", coco),
        (2, "audit", face_clip, output, output),
        (1, "render", face_clip, output, "-o", tmp_path / "new.mp4"),
    ]:
        done = invoke(*arguments)
        assert done.exit_code == code and "it is no text in UTF-8" in done.stderr, (arguments, done.output)
        assert "codec" not in done.stderr and "edits" not in done.stderr
