"""The ledger's database: its tables and their history, and errors that name it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from faceblur.base.errors import LedgerAway, LedgerError
from faceblur.ledger.database import Database, ledger_url
from faceblur.ledger.tables import metadata


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


def test_a_file_that_is_no_ledger_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(LedgerError, match=r"notes\.txt: file is not a database"):
        asyncio.run(_open(str(path)))


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere")
def test_a_place_that_is_read_only_is_an_error(tmp_path: Path) -> None:
    asyncio.run(_open(str(tmp_path / "ledger.db")))
    tmp_path.chmod(0o500)
    (tmp_path / "ledger.db").chmod(0o400)
    with pytest.raises(LedgerError, match="readonly"):
        asyncio.run(_open(str(tmp_path / "ledger.db")))


def test_a_server_that_is_away_may_come_back_and_its_password_is_not_shown() -> None:
    with pytest.raises(LedgerAway) as caught:
        asyncio.run(_open("postgresql://someone:secret@127.0.0.1:9/faceblur"))
    assert "127.0.0.1" in str(caught.value) and "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(LedgerError, match="cannot be kept in mysql"):
        ledger_url("mysql://host/name")
    with pytest.raises(LedgerError, match="no address of a ledger"):
        ledger_url("://")
    assert ledger_url("some/file.db").database == "some/file.db"
