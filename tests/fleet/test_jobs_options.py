"""`jobs`: which ledger a command is for, wherever `--ledger` stands."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from examples.sample_clip import Image, write_clip
from faceblur.cli.app import main
from faceblur.cli.jobs import jobs
from tests.support.fleet import put_in

# In this order: a job is queued again once it was cancelled.
CALLS: list[tuple[list[object], str]] = [
    (["pause", 1], "paused: 1"),
    (["resume", 1], "resumed: 1"),
    (["prioritize", 1, "--priority", 5], "changed: 1"),
    (["cancel", 1], "cancelled: 1"),
    (["retry", 1], "queued again: 1"),
    (["show", 1], "a.mp4"),
    (["report"], "1 queued"),
]


def call(*arguments: object, **variables: str) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], env=variables)


@pytest.fixture(scope="module")
def ledger(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with the job 1."""
    folder = tmp_path_factory.mktemp("jobs")
    write_clip(folder / "in" / "a.mp4", [face] * 3)
    put_in(folder / "in", "-o", folder / "out", "--ledger", folder / "ledger.db")
    return folder / "ledger.db"


def test_the_ledger_may_stand_before_the_command_and_behind_it(ledger: Path, tmp_path: Path) -> None:
    other = {"FACEBLUR_LEDGER": str(tmp_path / "other.db")}  # an address that is given counts, wherever it stands
    for arguments, said in CALLS:
        command, *rest = arguments
        done = call("jobs", command, *rest, "--ledger", ledger, **other)
        assert done.exit_code == 0 and said in done.stdout, (command, done.stderr)
        if command in ("show", "report", "prioritize"):
            assert said in call("jobs", "--ledger", ledger, command, *rest, **other).stdout
            assert said in call("jobs", command, *rest, FACEBLUR_LEDGER=str(ledger)).stdout


def test_every_command_has_the_option() -> None:
    context = click.Context(jobs)
    for name in jobs.list_commands(context):
        command = jobs.get_command(context, name)
        assert command is not None and "--ledger" in {option for one in command.params for option in one.opts}, name


@pytest.mark.parametrize("option", [["--json"], ["--watch"], ["--name", "a"], ["--state", "done"]])
def test_an_option_of_the_table_is_not_ignored(ledger: Path, option: list[str]) -> None:
    done = call("jobs", "--ledger", ledger, *option, "report")
    assert done.exit_code == 2 and f"{option[0]} before report" in done.stderr, done.stderr


def test_a_job_that_is_not_there_is_said_to_be_none(ledger: Path) -> None:
    done = call("jobs", "pause", 17, 18, "--ledger", ledger)
    assert (done.exit_code, done.stdout) == (1, "not paused (no such job, or not in a state for that): 17, 18\n")


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_what_is_no_number_of_a_job_is_said_to_be_none(ledger: Path, command: str) -> None:
    done = call("jobs", "--ledger", ledger, command, "abc")
    assert done.exit_code == 2 and "'abc' is no number of a job: `faceblur jobs` lists them" in done.stderr, done.stderr
