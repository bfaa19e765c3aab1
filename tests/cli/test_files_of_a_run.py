"""Which files a run writes, skips and reports: trees, broken files, several at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from examples.sample_clip import Image, pan, write_clip
from tests.cli.calls import invoke, leftovers, run_against
from tests.support.hostile import Server, first_contact


def test_tree_other_files_and_broken_ones(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "deep" / "é (1)").mkdir(parents=True)
    for name in ("a.mp4", "deep/-dash.mp4", "deep/é (1)/b.MP4"):
        (source / name).write_bytes(face_clip.read_bytes())
    (source / "empty.mp4").touch()
    (source / "text.mkv").write_text("no video at all")
    (source / "cut.mp4").write_bytes(face_clip.read_bytes()[:3000])
    (source / "dangling.mkv").symlink_to(tmp_path / "nowhere")
    (source / "._a.mp4").write_bytes(b"what a Mac left")
    (source / "page.html").write_text("<html>")
    result = invoke("run", source, "-o", out, "--function", function_url)
    assert result.exit_code == 1
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert [name for name in written if not name.endswith(".faces.jsonl")] == [
        "a.mp4",
        "deep/-dash.mp4",
        "deep/é (1)/b.MP4",
    ]
    assert "2 other files left alone: ._a.mp4, page.html" in result.output
    assert f"error: {source / 'empty.mp4'}: the file is empty" in result.output
    for name in ("text.mkv", "cut.mp4"):
        (line,) = [line for line in result.output.splitlines() if line.startswith(f"error: {source / name}: ")]
        assert "not a video that can be read" in line
    assert "7 files: 3 done, 4 failed" in result.output
    assert f"error: {source / 'dangling.mkv'}: a link to nowhere" in result.output
    assert leftovers(out) == []
    again = invoke("run", source, "-o", out, "--function", function_url)
    assert again.exit_code == 1 and "7 files: 3 skipped, 4 failed" in again.output


def test_second_run_skips_and_overwrite_does_not(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    assert invoke("run", face_clip, "-o", tmp_path, "--function", function_url).exit_code == 0
    stamp = (tmp_path / "face.mp4").stat().st_mtime_ns
    # No function is needed when nothing is left to do.
    result = invoke("run", face_clip, "-o", tmp_path, "--function", "http://127.0.0.1:9")
    assert result.exit_code == 0 and "1 skipped" in result.output
    assert (tmp_path / "face.mp4").stat().st_mtime_ns == stamp
    assert invoke("run", face_clip, "-o", tmp_path, "--function", function_url, "--overwrite").exit_code == 0
    assert (tmp_path / "face.mp4").stat().st_mtime_ns > stamp


def test_several_videos_run_at_a_time_when_the_function_idles(face: Image, clips: Path, tmp_path: Path) -> None:
    """A function that answers late, with room for more: further videos are started, or it would never answer."""
    for index in range(3):
        write_clip(tmp_path / "in" / f"{index}.mp4", pan(face, (64, 48), 60), audio_codec=None)
    active, most, enough = set[int](), 0, asyncio.Event()

    async def slow(request: Any) -> Any:
        nonlocal most
        from aiohttp import web

        if request.method == "GET":
            return first_contact(request)
        body = await request.json()
        active.add(id(request))
        most = max(most, len(active))
        if len(active) > 3:  # one video alone has three batches
            enough.set()
        await enough.wait()
        active.discard(id(request))
        faces: list[list[Any]] = [[] for _ in body["frames"]]
        return web.json_response({"version": 1, "model": "m", "device": "d", "faces": faces, "timings_ms": {}})

    done = run_against(
        Server(slow),
        *("run", tmp_path / "in", "-o", tmp_path / "out", "--return", "faces", "--batch-size", "20"),
        *("--concurrency", "9", "--detect-every", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert most > 3
