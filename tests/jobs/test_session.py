"""A session's events."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from faceblur.base.errors import UsageError
from faceblur.jobs.session import Session


def test_iterating_again_ends_as_the_first_time(tmp_path: Path) -> None:
    async def iterate_twice() -> None:
        async with Session(tmp_path / "missing", tmp_path / "out") as session:
            for _ in range(2):
                with pytest.raises(UsageError):
                    async for _event in session:
                        pass

    asyncio.run(asyncio.wait_for(iterate_twice(), 10))
