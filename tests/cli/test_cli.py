"""The command line as its user meets it: bad input, exit codes, interruption, and runs that were killed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.atomic_files import TEMPORARY_SUFFIX
from faceblur.cli.app import main
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function import wire
from faceblur_function.images import decode_image, encode_image
from tests.support import clips as media
from tests.support.hostile import HostileProxy, Server, scripted

COMMAND = [sys.executable, "-m", "faceblur"]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def leftovers(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"*{TEMPORARY_SUFFIX}*"))


@pytest.fixture
def long_clip(clips: Path, face: Image) -> Path:
    path = clips / "long.mp4"
    return path if path.exists() else write_clip(path, media.numbered(pan(face, (320, 240), 300)))


def test_tree_other_files_and_broken_ones(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "deep" / "é (1)").mkdir(parents=True)
    for place in ("a.mp4", "deep/-dash.mp4", "deep/é (1)/b.MP4"):
        (source / place).write_bytes(face_clip.read_bytes())
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


def test_wrong_calls_are_refused_before_any_work(face_clip: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    (source / "a.mp4").write_bytes(face_clip.read_bytes())
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "note.txt").write_text("hello")
    for arguments, message in [
        (("run", source, "-o", source), "lies in the input"),
        (("run", source, "-o", source / "sub" / "out"), "lies in the input"),
        (("run", source / "a.mp4", "-o", source), "is an input and would be an output"),
        (("run", tmp_path / "nowhere", "-o", tmp_path / "out"), "no such file or directory"),
        (("run", bare, "-o", tmp_path / "out"), "no video in"),
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
        (
            ("run", source, "-o", tmp_path / "out", "--ca-file", source / "a.mp4", "--function", "https://x"),
            "--ca-file",
        ),
        (("run", source, "-o", tmp_path / "out", "--env", "MODEL=gpt"), "unknown model 'gpt'"),
        (("run", source, "-o", tmp_path / "out", "--encoder", "nonsense"), "nonsense"),
        (("run", source, "-o", tmp_path / "out", "--preset", "blitz"), "--preset"),
        (("run", source, "-o", tmp_path / "out", "--function", "localhost:8080"), "is http://localhost:8080 meant?"),
        (("run", source, "-o", tmp_path / "out", "--function", "http://x", "--env", "A=1"), "not together"),
        (("serve", "--port", "99999"), "--port"),
        (("image", source / "a.mp4", "-o", source), "is an input and would be an output"),
    ]:
        result = invoke(*arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert message in result.output and "Traceback" not in result.output, (arguments, result.output)
        assert not (tmp_path / "out").exists() and sorted(path.name for path in source.iterdir()) == ["a.mp4", "sub"]


def test_port_in_use_is_named(local_function: LocalFunction) -> None:
    port = local_function.url.rsplit(":", 1)[1]
    result = invoke("serve", "--port", port, "--workers", "1")
    assert result.exit_code == 2 and f"cannot listen on 127.0.0.1 port {port}: " in result.output


def test_unreachable_function_fails_within_seconds(face_clip: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    result = invoke("run", face_clip, "-o", tmp_path / "out", "--function", "http://127.0.0.1:9")
    assert result.exit_code == 1 and "error: http://127.0.0.1:9: cannot connect" in result.output
    assert time.monotonic() - began < 12 and not (tmp_path / "out").exists()


def run_against(server: Server, *arguments: object) -> subprocess.CompletedProcess[str]:
    async def go() -> subprocess.CompletedProcess[str]:
        async with server:
            command = [*COMMAND, *map(str, arguments), "--function", server.url]
            return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)

    return asyncio.run(go())


@pytest.mark.parametrize(
    "reply",
    [
        500,
        503,
        408,
        {"version": 1},
        lambda body: {"version": 1, "model": "m", "device": "d", "faces": [], "frames": []},
    ],
    ids=["500", "503", "408", "garbage", "no frames"],
)
def test_failing_function_fails_the_video_and_writes_nothing(face_clip: Path, tmp_path: Path, reply: Any) -> None:
    done = run_against(scripted(reply), "run", face_clip, "-o", tmp_path / "out", "--give-up-after", "1")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert str(face_clip) in line and "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_function_that_does_not_blur_fails_the_video(face_clip: Path, tmp_path: Path, detector: Any) -> None:
    """It says where the faces are, but sends the frames back as they came."""

    def clear(body: dict[str, Any]) -> dict[str, Any]:
        pictures = [decode_image(wire.decode_base64(frame)) for frame in body["frames"]]
        found = detector.detect(pictures, threshold=0.3)
        faces = [[{"box": box, "score": 0.99} for box in one.xyxy.tolist()] for one in found]
        return {"version": 1, "model": "m", "device": "d", "frames": body["frames"], "faces": faces, "timings_ms": {}}

    done = run_against(scripted(clear), "run", face_clip, "-o", tmp_path / "out")
    assert done.returncode == 1 and "without being redacted" in done.stderr
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_function_that_answers_otherwise_than_asked_fails_the_image(face: Image, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "face.png").write_bytes(encode_image(face, "png", 100))

    def clear(body: dict[str, Any]) -> dict[str, Any]:
        faces = [[{"box": [178, 57, 273, 177], "score": 0.99}]]
        return {"version": 1, "model": "m", "device": "d", "frames": body["frames"], "faces": faces, "timings_ms": {}}

    # Asked for faces only, it tells enough; whoever answers otherwise than asked is not believed.
    done = run_against(scripted(clear), "image", tmp_path / "in" / "face.png", "-o", tmp_path / "out")
    assert done.returncode == 1 and "unasked frames" in done.stderr and not (tmp_path / "out").exists()


def test_interruption_while_the_inputs_are_searched(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for index in range(15000):
        (tmp_path / "in" / f"{index}.mp4").write_bytes(b"no video " * 200)
    with subprocess.Popen([*COMMAND, "run", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "-q"]) as process:
        while not opens_a_file_of(process.pid, tmp_path / "in"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(2) == 130


def opens_a_file_of(pid: int, folder: Path) -> bool:
    """Whether a process below this one holds a file of the folder open at this moment."""
    try:
        below = psutil.Process(pid).children(recursive=True)
        return any(Path(file.path).parent == folder for one in below for file in one.open_files())
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.03, 0.1])
def test_interruption_while_the_output_is_opened(long_clip: Path, tmp_path: Path, moment: float) -> None:
    command = [*COMMAND, "run", str(long_clip), "-o", str(tmp_path / "out"), "-q"]
    with subprocess.Popen(command) as process:
        while not (tmp_path / "out").exists():
            time.sleep(0.002)
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
    assert list((tmp_path / "out").iterdir()) == []


def test_hostile_proxy_costs_no_frame(
    long_clip: Path, local_function: LocalFunction, tmp_path: Path, detector: Any
) -> None:
    proxy = HostileProxy(local_function.url, share=0.3)
    done = run_against(
        proxy, "run", long_clip, "-o", tmp_path, "--batch-size", "2", "--concurrency", "8", "--detect-every", "1"
    )
    assert done.returncode == 0, done.stderr
    output = media.frames(tmp_path / "long.mp4")
    assert [media.number(frame) for frame in output] == list(range(300))
    assert media.times(tmp_path / "long.mp4") == media.times(long_clip)
    assert sum(map(len, detector.detect(output[::5], threshold=0.7))) == 0
    assert sum(proxy.done.values()) > 30


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interruption_stops_within_two_seconds_and_goes_on_later(long_clip: Path, tmp_path: Path, how: int) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (source / name).write_bytes(long_clip.read_bytes())
    command = [*COMMAND, "run", str(source), "-o", str(out), "--jobs", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not leftovers(out):
            time.sleep(0.02)
        time.sleep(0.3)
        children = psutil.Process(process.pid).children(recursive=True)
        began = time.monotonic()
        process.send_signal(how)
        output, errors = process.communicate(timeout=20)
        assert time.monotonic() - began < 2
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    assert "2 files: 2 not done" in output
    assert not [path for path in out.rglob("*") if path.is_file()]
    assert not psutil.wait_procs(children, timeout=3)[1]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "2 files: 2 done" in done.stdout, done.stderr
    assert [media.number(frame) for frame in media.frames(out / "b.mp4")] == list(range(300))


def test_killed_at_random_moments_nothing_is_left_behind(long_clip: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.mp4").write_bytes(long_clip.read_bytes())
    command = [*COMMAND, "run", str(source), "-o", str(out), "--overwrite", "-q"]
    moments = random.Random(5)
    for _ in range(10):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(moments.uniform(0.3, 4))
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.kill()
        assert not psutil.wait_procs(children, timeout=10)[1]
        for path in out.rglob("*.mp4"):
            assert len(media.frames(path)) == 300  # under its final name a video is whole
    out.mkdir(exist_ok=True)  # a machine that is busy may never have come so far
    (out / f".removed.mp4{TEMPORARY_SUFFIX}").write_bytes(b"half a video whose source is gone")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "a.mp4.faces.jsonl"]
    assert [media.number(frame) for frame in media.frames(out / "a.mp4")] == list(range(300))


def test_two_runs_do_not_write_the_same_file(long_clip: Path, tmp_path: Path) -> None:
    command = [*COMMAND, "run", str(long_clip), "-o", str(tmp_path), "--workers", "1", "--detect-every", "1"]
    with subprocess.Popen(
        [*command, "--preset", "placebo"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        while not leftovers(tmp_path):
            time.sleep(0.02)
        second = subprocess.run(command, capture_output=True, text=True)
        assert second.returncode == 1 and "another run is writing it" in second.stderr
        assert first.wait(120) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.mp4", "long.mp4.faces.jsonl"]


def test_full_disk_is_named(long_clip: Path, function_url: str, tmp_path: Path) -> None:
    """A file size limit fails writes as a full disk does."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = [*COMMAND, "run", str(long_clip), "-o", str(tmp_path), "--function", function_url]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 1
    assert f"error: {long_clip}: {tmp_path / 'long.mp4'}: cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self/mem").exists(), reason="needs a folder that refuses")
def test_output_that_is_not_writable_is_named(face_clip: Path, function_url: str) -> None:
    result = invoke("run", face_clip, "-o", "/proc/faceblur", "--function", function_url)
    assert result.exit_code == 1 and "/proc/faceblur/face.mp4: cannot be written: " in result.output


def test_json_log_and_quiet(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    shared = ("--function", function_url)
    done = subprocess.run(
        [
            *COMMAND,
            "run",
            str(face_clip),
            str(face_clip.parent),
            "-o",
            str(tmp_path / "a"),
            *shared,
            "--log-json",
            "-v",
        ],
        capture_output=True,
        text=True,
    )
    entries = [json.loads(line) for line in done.stderr.splitlines()]
    assert {entry["event"] for entry in entries if "event" in entry} >= {"started", "ended"}
    done = subprocess.run(
        [*COMMAND, "run", str(face_clip), "-o", str(tmp_path / "b"), *shared, "-q"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_summary_tells_where_the_time_went(face_clip: Path, function_url: str, tmp_path: Path) -> None:
    # So many requests that some wait for the worker.
    options = ("--function", function_url, "--batch-size", 1, "--detect-every", 1)
    output = invoke("run", face_clip, "-o", tmp_path, *options).output
    for word in ("decode", "JPEG", "function: queue", "function: detect", "function: redact", "write", "frames", "fps"):
        assert word in output
    assert re.search(r"by retinaface-mobilenet0\.25 on cpu, which searched \d+ frames\n", output)
    assert output.rstrip().splitlines()[-1].startswith("bound by ")


def test_several_videos_run_at_a_time_when_the_function_idles(face: Image, clips: Path, tmp_path: Path) -> None:
    """A function that answers slowly, with room for more: further videos are started."""
    for index in range(3):
        write_clip(tmp_path / "in" / f"{index}.mp4", pan(face, (64, 48), 60), audio_codec=None)
    active, most = set[int](), 0

    async def slow(request: Any) -> Any:
        nonlocal most
        from aiohttp import web

        if request.method == "GET":
            return web.json_response({"version": 1, "model": "m", "device": "d"})
        body = await request.json()
        active.add(id(request))
        most = max(most, len(active))
        await asyncio.sleep(2.5)
        active.discard(id(request))
        faces: list[list[Any]] = [[] for _ in body["frames"]]
        return web.json_response({"version": 1, "model": "m", "device": "d", "faces": faces, "timings_ms": {}})

    done = run_against(
        Server(slow),
        *("run", tmp_path / "in", "-o", tmp_path / "out", "--return", "faces", "--batch-size", "20"),
        *("--concurrency", "9", "--detect-every", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert most > 3  # one video alone has three batches


@pytest.mark.parametrize("moment", [0.2, 0.5, 0.9])
def test_interruption_at_the_start_is_no_traceback(face_clip: Path, tmp_path: Path, moment: float) -> None:
    # The function waits for its weights for ever, so that on no machine the run is over before the moment.
    os.mkfifo(tmp_path / "weights")
    command = [*COMMAND, "run", str(face_clip), "-o", str(tmp_path / "out"), "--env", f"WEIGHTS={tmp_path / 'weights'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode in (130, 1, -2) and "driver/" not in errors
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
