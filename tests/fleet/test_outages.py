"""What a fleet needs is away for a while: the database, its disk, the function, the right time."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function.weights import load_weights
from tests.conftest import ServerThread
from tests.support.deadly import SLOW, SLOW_DECODER
from tests.support.file_systems import fill, small_disk
from tests.support.fleet import WorkerProcess, attempts, events, put_in, rows, states, tree, until
from tests.support.ports import reserved_port
from tests.support.postgres import PostgresServer

LEASE = ("--lease", "2")
FULL_DISK_VIDEOS = 8


def test_the_database_may_restart_in_mid_run(
    postgres: PostgresServer, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    ledger = postgres.create("restarted")
    source, out = tree(tmp_path / "in", short_clip, 6), tmp_path / "out"
    put_in(source, "-o", out, "--ledger", ledger)
    watching = [sys.executable, "-m", "faceblur", "jobs", "--ledger", ledger, "--watch"]
    with ExitStack() as stack:
        watch = stack.enter_context(
            subprocess.Popen(watching, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        stack.callback(watch.kill)
        arguments = (ledger, function_url, "--jobs", "1", "--until-empty", *LEASE)
        worker = stack.enter_context(WorkerProcess(*arguments, code=SLOW))
        for count in (1, 3):
            until(lambda done=count: states(ledger).get("done", 0) >= done)  # type: ignore[misc]
            postgres.stop()
            time.sleep(3)  # longer than a lease
            postgres.start()
            assert states(ledger)["done"] < 6
        assert worker.process.wait(120) == 0
        assert watch.poll() is None, "it shows the table again once the database is back"
        watch.send_signal(signal.SIGINT)
        shown, _ = watch.communicate(timeout=60)
        assert "Traceback" not in shown
    assert states(ledger) == {"done": 6}
    assert len(list(out.glob("*.mp4"))) == 6 and not list(out.glob(".*"))


def _is_complete(out: Path, videos: int) -> bool:
    return len(list(out.glob("*.mp4"))) == videos and not list(out.glob(".*"))


def _meets_a_full_disk(ledger: str, source: Path, function_url: str, disk: Path, server: PostgresServer | None) -> None:
    """Work while the ledger's disk gets full for longer than a lease, and has room again."""
    out = source.with_name("out")
    put_in(source, "-o", out, "--ledger", ledger)
    with ExitStack() as stack:
        arguments = (ledger, function_url, "--jobs", "1", "--until-empty", *LEASE)
        workers = [stack.enter_context(WorkerProcess(*arguments, code=SLOW)) for _ in range(2)]
        until(lambda: states(ledger).get("done", 0) >= 3)
        ballast = fill(disk)
        if server is not None:
            until(lambda: not server.write_log())  # it may have had room in the files that it holds
        time.sleep(5)
        assert [one.process.poll() for one in workers] == [None, None]
        assert len(list(out.glob("*.mp4"))) < FULL_DISK_VIDEOS
        ballast.unlink()
        if server is not None and not server.is_up():  # a server that cannot write its log ends
            server.start()
        errors = "".join(one.wait() for one in workers)
        assert [one.process.returncode for one in workers] == [0, 0], errors
    assert "asking again until it answers" in errors or "no heartbeat" in errors
    # Which worker is the first to renew its lease, or to take over the other's part, is a matter of chance.
    assert states(ledger) == {"done": FULL_DISK_VIDEOS} and attempts(ledger) <= {1, 2}, errors
    assert _is_complete(out, FULL_DISK_VIDEOS)


def test_the_disk_of_a_ledger_on_sqlite_may_be_full(function_url: str, short_clip: Path, tmp_path: Path) -> None:
    with small_disk(4) as disk:
        _meets_a_full_disk(
            str(disk / "ledger.db"), tree(tmp_path / "in", short_clip, FULL_DISK_VIDEOS), function_url, disk, None
        )


def test_the_disk_of_the_database_may_be_full(function_url: str, short_clip: Path, tmp_path: Path) -> None:
    with small_disk(160) as disk, PostgresServer(disk) as server:
        _meets_a_full_disk(server.url, tree(tmp_path / "in", short_clip, FULL_DISK_VIDEOS), function_url, disk, server)


def test_a_video_for_which_its_disk_has_no_room_is_tried_again(
    file_ledger: str, function_url: str, long_clip: Path, tmp_path: Path
) -> None:
    """The disk gets full in the middle of the video."""
    source = tree(tmp_path / "in", long_clip, 1)
    with small_disk(4) as disk, ExitStack() as stack:
        put_in(source, "-o", disk, "--ledger", file_ledger)
        stack.enter_context(WorkerProcess(file_ledger, function_url, *LEASE, code=SLOW))
        until(lambda: list(disk.glob(".*")))
        fill(disk)
        until(lambda: rows(file_ledger)[0].error_kind)
        [row] = rows(file_ledger)
        assert (row.state, row.error_kind) == ("queued", "storage") and "No space left on device" in str(row.reason)


# The driver, where everything that waits for the function takes a fiftieth of its time.
FASTER = """
from faceblur.ledger import states
states.RETRIES["function"] = states.Retry(30, 10 / 50, 300 / 50)
from faceblur.cli import app, fleet
from faceblur.cli.group import main
main()
"""


def test_a_function_may_be_away_for_ten_minutes(postgres: PostgresServer, short_clip: Path, tmp_path: Path) -> None:
    ledger = postgres.create("away")
    source, out = tree(tmp_path / "in", short_clip, 4), tmp_path / "out"
    put_in(source, "-o", out, "--ledger", ledger)
    config = read_config(find_function_yaml(), workers=1)
    arguments = ("--until-empty", "--give-up-after", str(60 / 50), "--jobs", "1", *LEASE)
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        with ServerThread(LocalFunction(config, port=port)) as function:
            worker = stack.enter_context(
                WorkerProcess(ledger, function.url, *arguments, code=f"{SLOW_DECODER}{FASTER}")
            )
            until(lambda: states(ledger).get("done", 0) >= 1)
        time.sleep(600 / 50)
        until(lambda: any(one.error_kind == "function" for one in rows(ledger)))
        assert states(ledger)["done"] < 4 and "failed" not in states(ledger)
        stack.enter_context(ServerThread(LocalFunction(config, port=port)))
        errors = worker.wait()
    assert worker.process.returncode == 0, "each was done here in the end"
    assert states(ledger) == {"done": 4} and _is_complete(out, 4), errors


def test_a_worker_ends_whose_own_function_cannot_be_started_again(
    file_ledger: str, short_clip: Path, long_clip: Path, tmp_path: Path
) -> None:
    """It would take one video after the other from the workers that can do them, until all their attempts are used."""
    source, weights = tree(tmp_path / "in", long_clip, 1), tmp_path / "weights.onnx"
    shutil.copy(short_clip, source / "waits.mp4")
    weights.write_bytes(load_weights("retinaface-mobilenet0.25")[0])
    put_in(source, "-o", tmp_path / "out", "--ledger", file_ledger, "--detect-every", 1)
    arguments = ("--jobs", "1", "--workers", "1", "--env", f"WEIGHTS={weights}")
    with WorkerProcess(file_ledger, None, *arguments, code=SLOW) as worker:
        until(lambda: list((tmp_path / "out").glob(".*")))
        weights.unlink()
        for child in psutil.Process(worker.process.pid).children(recursive=True):
            if any("worker_main" in argument for argument in child.cmdline()):
                child.kill()
        errors = worker.wait()
        assert worker.process.returncode == 1 and "its workers do not start again" in errors.splitlines()[-1]
    assert [(one.state, one.attempt, one.error_kind) for one in rows(file_ledger)] == [
        ("queued", 1, "function"),
        ("queued", 0, None),
    ]


def test_the_clocks_of_machines_may_be_an_hour_off(
    postgres: PostgresServer, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("faketime is missing: apt-get install faketime")
    ledger = postgres.create("clocks")
    source, out = tree(tmp_path / "in", short_clip, 3), tmp_path / "out"
    clocks = [["faketime", "--exclude-monotonic", "-f", off] for off in ("+1h", "-1h", "+0")]
    submit = [*clocks[0], sys.executable, "-m", "faceblur", "submit", str(source), "-o", str(out), "--ledger", ledger]
    began = time.time()
    subprocess.run(submit, check=True, capture_output=True, timeout=120)
    with ExitStack() as stack:
        arguments = (ledger, function_url, "--jobs", "1", "--until-empty", "--lease", "20")
        workers = [stack.enter_context(WorkerProcess(*arguments, before=clock)) for clock in clocks]
        errors = "".join(one.wait() for one in workers)
    assert states(ledger) == {"done": 3} and attempts(ledger) == {1} and _is_complete(out, 3), errors
    shown = [one["at"] for number in range(1, 4) for one in events(ledger, number)]
    assert began - 60 < min(shown) and max(shown) < time.time() + 60, "only the database's clock counts"


def test_two_people_may_submit_a_folder_at_once(ledger: str, short_clip: Path, tmp_path: Path) -> None:
    source, out = tree(tmp_path / "in", short_clip, 40), tmp_path / "out"
    command = [sys.executable, "-m", "faceblur", "submit", str(source), "-o", str(out), "--ledger", ledger]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], printed
    words = [part.split(" ", 1) for output, _ in printed for part in output.strip().split("; ")]
    counts = {word: sum(int(count) for count, other in words if other == word) for _, word in words}
    assert counts == {"put in": 40, "in the ledger already": 40}
    assert states(ledger) == {"queued": 40}
