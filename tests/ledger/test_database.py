"""The ledger's database: its tables and their history, and errors that name it."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from sqlalchemy import Connection, text

from faceblur.base.errors import LedgerAway, LedgerError, UsageError
from faceblur.ledger import database
from faceblur.ledger.claims import Progress, beat, claim
from faceblur.ledger.database import Database, ledger_url
from faceblur.ledger.queries import list_jobs
from faceblur.ledger.schema import _scripts, is_current
from faceblur.ledger.tables import metadata
from tests.support.file_systems import made_read_only
from tests.support.fleet import faceblur


async def _open(ledger: str) -> None:
    async with Database(ledger):
        pass


def test_the_migrations_make_the_tables_that_the_code_uses(ledger: str) -> None:
    async def differences() -> list[object]:
        async with Database(ledger) as database, database.read() as connection:

            def compare(sync: Connection) -> list[object]:
                return list(compare_metadata(MigrationContext.configure(sync), metadata))

            return await connection.run_sync(compare)

    assert asyncio.run(differences()) == []


def _make_older(connection: Connection) -> None:
    """The ledger of the first version, with a job that waits and one whose output was about to get its name."""
    config, scripts = _scripts()
    up = lambda rev, _: scripts._upgrade_revs("0001", rev)  # noqa: E731
    with EnvironmentContext(config, scripts, fn=up) as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
        environment.run_migrations()
    for name, state in (("a", "queued"), ("b", "publishing")):
        job = f"(key, source, target, settings, created) VALUES ('{name}', '/in/{name}', '/out/{name}', '{{}}', 1)"
        connection.execute(text(f"INSERT INTO job {job}"))
        part = f"SELECT id, 'video', '{state}', 1, 'old', 0, 12 FROM job WHERE key = '{name}'"
        columns = "(job, kind, state, attempt, owner, lease_until, output_bytes)"
        connection.execute(text(f"INSERT INTO part {columns} {part}"))


def test_a_ledger_of_an_older_version_is_brought_up_to_date_with_its_jobs(ledger: str) -> None:
    async def open_both() -> None:
        older = Database(ledger)
        async with older.write() as connection:
            await connection.run_sync(_make_older)
        await older.__aexit__()
        async with Database(ledger) as database:
            async with database.read() as connection:
                assert await connection.run_sync(is_current)
            rows = await list_jobs(database)
            assert {(one.source, one.state) for one in rows} == {("/in/a", "queued"), ("/in/b", "publishing")}
            stuck = await claim(database, "new", lease=0.01)
            assert stuck is not None and stuck.recover and stuck.output_digest is None
            assert await beat(database, [Progress(stuck, 0, 0.0)]) == {stuck.part: "ok"}
            waiting = await claim(database, "new", lease=0.01)
            assert waiting is not None and (waiting.source, waiting.attempt) == (Path("/in/a"), 2)

    asyncio.run(open_both())


def test_a_ledger_of_a_newer_version_is_refused_by_name(ledger: str) -> None:
    async def make_newer() -> None:
        async with Database(ledger) as database, database.write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    asyncio.run(make_newer())
    with pytest.raises(LedgerError, match=r"made by a newer version of faceblur .* of 9999"):
        asyncio.run(_open(ledger))


def test_two_processes_may_create_it_at_once(ledger: str) -> None:
    async def both() -> None:
        await asyncio.gather(_open(ledger), _open(ledger))

    asyncio.run(both())


def test_a_file_that_is_no_ledger_is_a_wrong_call(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(UsageError, match=r"notes\.txt is no ledger: file is not a database; give a path, or"):
        asyncio.run(_open(str(path)))


def test_nothing_is_written_into_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks(url)")
        other.commit()
    with pytest.raises(UsageError, match=r"places\.sqlite is no ledger but a database of another program"):
        asyncio.run(_open(str(path)))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]
        assert other.execute("PRAGMA journal_mode").fetchall() == [("delete",)]


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_is_removed_or_replaced_is_not_used_any_more(tmp_path: Path, is_replaced: bool) -> None:
    """A worker would wait for ever for what is submitted to the file that has the name now."""
    path = tmp_path / "ledger.db"

    async def use() -> None:
        async with Database(str(path)) as opened:
            assert await list_jobs(opened) == []
            path.unlink()
            if is_replaced:
                await _open(str(path))
            for ask in (list_jobs(opened), claim(opened, "me")):
                with pytest.raises(LedgerError, match="was removed or replaced while it was in use: start again"):
                    await ask

    asyncio.run(use())
    assert path.exists() == is_replaced


def test_a_ledger_on_a_read_only_place_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "a copy?of#it"
    folder.mkdir()
    shown = faceblur("submit", Path(__file__).parent, "-o", tmp_path / "out", "--ledger", folder / "ledger.db")
    assert "no video in" in shown.stderr, "the ledger is empty"
    with made_read_only(folder):
        shown = faceblur("jobs", "--ledger", folder / "ledger.db")
        assert (shown.returncode, shown.stdout.splitlines()[-1]) == (0, "no jobs; 0 of 0 frames")
        changed = faceblur("jobs", "--ledger", folder / "ledger.db", "pause", 1)
        reason = "attempt to write a readonly database"
        assert (changed.returncode, changed.stderr) == (1, f"error: the ledger {folder}/ledger.db: {reason}\n")


def test_a_read_only_ledger_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "copy" / "ledger.db"
    path.parent.mkdir()

    async def make() -> None:
        older = Database(str(path))
        async with older.write() as connection:
            await connection.run_sync(_make_older)
        await older.__aexit__()

    asyncio.run(make())
    with (
        made_read_only(path.parent),
        pytest.raises(LedgerError, match="is read-only, and of an older version: copy it"),
    ):
        asyncio.run(_open(str(path)))
    path.with_name("ledger.db-wal").write_bytes(b"changes")
    with made_read_only(path.parent), pytest.raises(LedgerError, match=r"read-only, and ledger\.db-wal is needed too"):
        asyncio.run(_open(str(path)))


def test_a_server_that_is_away_may_come_back_and_its_password_is_not_shown() -> None:
    with pytest.raises(LedgerAway) as caught:
        asyncio.run(_open("postgresql://someone:secret@127.0.0.1:9/faceblur"))
    assert (
        "the ledger postgresql://someone:***@127.0.0.1" in str(caught.value)
        and "secret" not in str(caught.value)
        and "\n" not in str(caught.value)
    )


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("mysql://host/name", "cannot be kept in mysql"),
        ("://", "no address of a ledger"),
        ("postgresql://host:99999/name", "port 99999"),
        ("postgresql://host:port/name", "no address of a ledger"),
        ("sqlite://", "cannot be kept in sqlite"),
        ("sqlite:///", "no file of a ledger"),
        (":memory:", "no file of a ledger"),
        (".", "is a folder"),
    ],
)
def test_an_address_that_is_none_is_a_wrong_call(address: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        ledger_url(address)


def test_an_address_may_be_a_path_or_a_url() -> None:
    assert ledger_url("some/file.db").database == ledger_url("sqlite:///some/file.db").database == "some/file.db"


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").symlink_to("ledger.db")
    done = faceblur("jobs", "--ledger", tmp_path / "ledger.db")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: the ledger {tmp_path}/ledger.db: unable to open database file\n",
    )


@pytest.mark.parametrize("command", [(), ("show", 1), ("pause", 1), ("report",)])
def test_jobs_of_a_ledger_that_is_not_there_make_none(command: tuple[str | int, ...], tmp_path: Path) -> None:
    path = tmp_path / "mistyped.db"
    asked = faceblur("jobs", "--ledger", path, *command)
    assert (asked.returncode, asked.stderr) == (2, f"error: there is no ledger {path}: `faceblur submit` makes one\n")
    assert not path.exists()


def test_a_ledger_that_does_not_answer_in_time_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(LedgerAway, match=f"^the ledger postgresql://me@127.0.0.1:{port}/x: no answer in time$"):
            asyncio.run(_open(f"postgresql://me@127.0.0.1:{port}/x"))
