"""What `plan` says of an archive before it is begun, and `jobs report` of what it was."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import UsageError
from faceblur.base.options import Options
from faceblur.fleet.planning import probes, samples
from faceblur.fleet.planning.archive_facts import Probe, SpeedSample
from faceblur.fleet.planning.estimate import UTILIZATION, Estimate, estimate
from faceblur.fleet.planning.fleet_size import FleetSize
from faceblur.fleet.planning.plan import read_plan
from faceblur.fleet.planning.samples import choose, take_samples
from faceblur.jobs.crash_guard import Journal
from tests.support.deadly import GUARDED
from tests.support.fleet import faceblur

HOUR_1080P = Probe("a.mp4", bytes=4_000_000_000, codec="h264", width=1000, height=1000, frames=90_000, seconds=3600)
# Of a megapixel: 10 ms on the function, 4 ms of threads, 20 ms alone.
SAMPLE = SpeedSample("a.mp4", 100, wall=0.02, driver=0.004, function=0.01, grows=0.5, searched=0.3, device="cuda")
DEADLY_PROBE = """
import os, signal
import faceblur.fleet.planning.probes as probes
real = probes.probe
def deadly(path, options):
    if "deadly" in path.name:
        os.kill(os.getpid(), signal.SIGSEGV)
    return real(path, options)
probes.probe = deadly
from faceblur.cli import plan
from faceblur.cli.group import main
main()
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def look(*inputs: Path) -> dict[str, Probe]:
    found = probes.probe_all(inputs, Options(), Journal(None), lambda done, total: None, threading.Event())
    return {Path(one.path).name: one for one in found}


def made(probes: list[Probe], fleet: FleetSize, *samples: SpeedSample) -> Estimate:
    found = estimate(probes, samples or (SAMPLE, SAMPLE), fleet)
    assert found is not None
    return found


@pytest.fixture
def archive(tmp_path: Path, face: Image) -> Path:
    """Two videos, one that is cut, one of an awkward container, and a text."""
    folder = tmp_path / "in"
    write_clip(folder / "a.mp4", pan(face, (192, 144), 50))
    write_clip(folder / "below" / "b.mp4", pan(face, (192, 144), 25))
    write_clip(folder / "vp8.ivf", pan(face, (192, 144), 25), video_codec="libvpx", audio_codec=None)
    (folder / "cut.mp4").write_bytes((folder / "a.mp4").read_bytes()[:9000])
    (folder / "notes.txt").write_text("no video")
    return folder


def test_a_probe_says_what_a_file_is(archive: Path) -> None:
    found = look(archive)
    assert {name for name, one in found.items() if one.is_video} == {"a.mp4", "b.mp4", "vp8.ivf", "cut.mp4"}
    a = found["a.mp4"]
    assert (a.codec, a.width, a.height, a.frames, a.fails) == ("h264", 192, 144, 50, "")
    assert a.seconds == pytest.approx(2, abs=0.1) and a.bytes == (archive / "a.mp4").stat().st_size
    assert "not a video that can be read" in found["cut.mp4"].fails
    assert "it is written as *.ivf.mkv" in found["vp8.ivf"].notes


def test_a_probe_says_what_an_output_will_not_keep(tmp_path: Path, short_clip: Path) -> None:
    tags = ["-metadata", "location=+47.3769+008.5417/", "-metadata", "make=Maker"]
    command = ["ffmpeg", "-v", "error", "-i", short_clip, "-c", "copy", *tags, tmp_path / "tagged.mp4"]
    subprocess.run(list(map(str, command)), check=True, timeout=60)
    (left_out,) = look(tmp_path / "tagged.mp4")["tagged.mp4"].left_out
    assert "location" in left_out


def test_a_file_is_opened_once_until_it_changes(
    archive: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, opened = look(archive), []
    real = probes.probe

    def probe(path: Path, options: Options) -> Probe:
        opened.append(path.name)
        return real(path, options)

    monkeypatch.setattr(probes, "probe", probe)
    assert look(archive) == before and opened == []
    shutil.copy(short_clip, archive / "a.mp4")
    assert look(archive)["a.mp4"].frames == 24 and opened == ["a.mp4"]


def test_the_time_is_bounded_by_what_has_most_to_do() -> None:
    archive = [replace(HOUR_1080P, path=f"{number}.mp4") for number in range(100)]  # 9,000,000 megapixels
    by_gpus = made(archive, FleetSize(10, 8, 2, None))
    assert by_gpus.bound == "the GPUs" and by_gpus.seconds.expected == pytest.approx(90_000 / 2 / UTILIZATION)
    by_workers = made(archive, FleetSize(1, 4, 100, None))
    assert by_workers.bound == "the workers" and by_workers.seconds.expected == pytest.approx(36_000 / 4 / UTILIZATION)
    alone = made(archive, FleetSize(1000, 8, 1000, None))
    assert "its longest video" in alone.bound and alone.seconds.expected == pytest.approx(1800)
    local = made(archive, FleetSize(4, 8, None, None))
    assert local.bound == "the workers" and local.seconds.expected == pytest.approx(180_000 / 4 / UTILIZATION)
    assert by_gpus.function_seconds.expected == local.function_seconds.expected == pytest.approx(90_000)


def test_disk_and_cost_have_a_range() -> None:
    found = made([HOUR_1080P] * 10, FleetSize(10, 8, 2, 3.0), SAMPLE, replace(SAMPLE, function=0.02, grows=0.6))
    assert found.disk_bytes.expected == pytest.approx(0.55 * 40e9)
    assert found.cost is not None
    assert found.cost.expected == pytest.approx(found.seconds.expected / 3600 * 2 * 3)
    assert found.seconds.low < found.seconds.expected < found.seconds.high
    one = made([HOUR_1080P], FleetSize(1, 8, 1, None), SAMPLE)
    assert one.function_seconds.high == pytest.approx(1.5 * one.function_seconds.expected)


def test_what_is_not_known_counts_by_its_bytes_and_what_fails_does_not_count() -> None:
    unknown, broken = replace(HOUR_1080P, frames=0), replace(HOUR_1080P, fails="broken")
    fleet = FleetSize(1, 8, 1, None)
    twice = made([HOUR_1080P, unknown, broken], fleet)
    assert twice.function_seconds.expected == pytest.approx(2 * made([HOUR_1080P], fleet).function_seconds.expected)
    assert estimate([unknown], [SAMPLE], fleet) is None and estimate([HOUR_1080P], [], fleet) is None


def test_samples_are_of_what_most_of_the_work_is() -> None:
    small = [replace(HOUR_1080P, path=f"s{number}", width=500, height=500) for number in range(3)]
    large = [replace(HOUR_1080P, path=f"l{number}") for number in range(10)]
    chosen = choose([*small, *large, replace(HOUR_1080P, path="deadly", codec="hevc")], 6, 4, {Path("deadly")})
    assert [one.path[0] for one, _ in chosen] == ["l"] * 6
    assert len({one.path for one, _ in chosen}) == 6 and len({at for _, at in chosen}) == 5
    assert {one.path[0] for one, _ in choose([*small, *large], 20, 4, ())} == {"s", "l"}
    assert choose([], 3, 4, ()) == []


@pytest.mark.parametrize(("seconds", "parts"), [(0.5, 7), (4, 7), (9, 14), (3600, 35)])
def test_no_part_of_a_video_is_sampled_twice(seconds: float, parts: int) -> None:
    """A plan of one short clip would take the time of five."""
    chosen = choose([replace(HOUR_1080P, path=str(number), seconds=seconds) for number in range(7)], 100, 4, ())
    assert len(chosen) == len({(one.path, at) for one, at in chosen}) == parts
    assert len({one.path for one, _ in chosen[:7]}) == 7


def test_a_plan_is_compared_with_what_it_was(archive: Path, function_url: str, tmp_path: Path) -> None:
    out, ledger, file = tmp_path / "out", tmp_path / "ledger.db", tmp_path / "plan.json"
    arguments = ("--function", function_url, "--gpus", 2, "--fleet", 3, "--price", 10, "--samples", 3)
    planned = faceblur("plan", archive, "-o", out, *arguments, "--json")
    assert planned.returncode == 1, planned.stderr  # one of them cannot be done
    file.write_text(planned.stdout)
    plan = json.loads(planned.stdout)
    assert (plan["videos"], plan["frames"], plan["others"]) == (3, 100, 1)
    assert [Path(path).name for path, _ in plan["failing"]] == ["cut.mp4"]
    assert len(plan["samples"]) == 3 and plan["free_bytes"] > 0 and not out.exists()
    figures = plan["estimate"]
    assert all(0 < figures[name]["low"] < figures[name]["expected"] for name in ("seconds", "disk_bytes", "cost"))

    assert faceblur("submit", archive, "-o", out, "--ledger", ledger).returncode == 1
    assert faceblur("work", "--ledger", ledger, "--function", function_url, "--until-empty").returncode == 0
    reported = faceblur("jobs", "--ledger", ledger, "report", "--json", "--plan", file)
    assert reported.returncode == 0, reported.stderr
    found = json.loads(reported.stdout)["outcome"]
    assert found["states"] == {"done": 3} and found["frames"] == 100 and found["workers"] == 1
    assert found["function_seconds"] > 0 and found["seconds"] > 0 and found["lost_seconds"] == 0
    assert found["output_bytes"] == sum((out / name).stat().st_size for name in ("a.mp4", "below/b.mp4", "vp8.ivf.mkv"))
    table = faceblur("jobs", "--ledger", ledger, "report", "--plan", file).stdout
    assert "estimated" in table and "it was" in table and "3 done" in table
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps(plan | {"inputs": ["/elsewhere"]}))
    assert "no jobs" in faceblur("jobs", "--ledger", ledger, "report", "--plan", elsewhere).stdout


@pytest.mark.parametrize("rest", [(), ("--keep-rest",)], ids=["cut", "keep-rest"])
def test_a_plan_of_a_span_is_sampled(archive: Path, function_url: str, rest: tuple[str, ...]) -> None:
    """The span is in the times of the video, and a sample is a part of it."""
    arguments = ("--function", function_url, "--samples", 2, "--sample-length", 0.5, "--json")
    planned = faceblur("plan", archive / "a.mp4", "--start", 1.6, "--end", 1.9, *rest, *arguments)
    assert planned.returncode == 0 and "error" not in planned.stderr, planned.stderr
    plan = json.loads(planned.stdout)
    assert len(plan["samples"]) == 2 and all(one["searched"] for one in plan["samples"])


def test_the_tables_name_what_is_awkward(archive: Path) -> None:
    printed = faceblur("plan", archive, "--samples", 0)
    assert printed.returncode == 1
    for text in ("3 videos", "cut.mp4", "cannot be done", "vp8.ivf", "1 other file left alone", "there is no estimate"):
        assert text in printed.stdout, printed.stdout


def test_a_codec_that_dies_while_a_file_is_opened_does_not_end_the_plan(archive: Path, tmp_path: Path) -> None:
    (archive / "a.mp4").rename(archive / "deadly.mp4")
    command = [
        sys.executable,
        "-c",
        GUARDED.format(code=DEADLY_PROBE),
        "plan",
        str(archive),
        "--samples",
        "0",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    failing = {Path(path).name: why for path, why in json.loads(done.stdout)["failing"]}
    assert "a codec died" in failing["deadly.mp4"] and json.loads(done.stdout)["videos"] == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["plan", "nowhere"], "no such file or directory"),
        (["plan", ".", "-o", "inside"], "the output folder inside lies in the input ."),
        (["plan", ".", "--gpus", "2"], "--gpus is for a deployed function"),
        (["plan", ".", "--price", "inf"], "--price"),
        (["plan", ".", "--samples", "1000001"], "--samples"),
        (["jobs", "report", "--plan", "nowhere.json"], "cannot be read"),
        (["jobs", "--state", "lost"], "--state"),
        (["jobs", "show", str(2**63)], "not in the range"),
        (["jobs", "cancel", str(2**63)], "not in the range"),
        (["jobs", "prioritize", "1", "--priority", str(2**31)], "--priority"),
        (["submit", ".", "-o", "out", "--priority", str(2**31)], "--priority"),
        (["work", "--lease", "nan"], "--lease"),
        (["work", "--lease", "inf"], "--lease"),
    ],
)
def test_a_wrong_call_is_refused(arguments: list[str], reason: str, tmp_path: Path) -> None:
    done = faceblur(*arguments, FACEBLUR_LEDGER=str(tmp_path / "ledger.db"))
    assert done.returncode == 2 and reason in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_a_folder_without_videos_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    done = faceblur("plan", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: no video in {tmp_path}\n")


@pytest.mark.parametrize(
    "content",
    ["no JSON", "[]", "{}", '{"version": 99, "estimate": null}', '{"version": 1, "inputs": 3, "estimate": null}'],
)
def test_what_is_no_plan_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(UsageError, match=r"plan\.json: no plan"):
        read_plan(tmp_path / "plan.json")


def test_an_interrupted_plan_leaves_no_part_of_a_video(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes the parts, which show faces, ends before their folder is removed."""
    written: list[Path] = []
    begun, may_go_on = threading.Event(), threading.Event()

    def slow(source: Path, target: Path, *, at: float, seconds: float) -> Path:
        begun.set()
        assert may_go_on.wait(60)
        target.write_bytes(b"a face")
        written.append(target)
        return target

    monkeypatch.setattr(samples, "write_excerpt", slow)

    async def interrupted() -> None:
        task = asyncio.create_task(take_samples([(HOUR_1080P, 0.5)] * 3, 4, Journal(None), pytest.fail))
        await asyncio.to_thread(begun.wait, 60)
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    assert len(written) == 1 and not written[0].parent.parent.exists()
