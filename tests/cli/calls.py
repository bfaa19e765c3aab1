"""Calls of the command line: in this process, in one of its own, and against a server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from faceblur.base.atomic_files import TEMPORARY_SUFFIX
from faceblur.cli.app import main
from tests.support.hostile import Server

COMMAND = [sys.executable, "-m", "faceblur"]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def leftovers(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"*{TEMPORARY_SUFFIX}*"))


def run_against(server: Server, *arguments: object) -> subprocess.CompletedProcess[str]:
    async def go() -> subprocess.CompletedProcess[str]:
        async with server:
            command = [*COMMAND, *map(str, arguments), "--function", server.url]
            return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)

    return asyncio.run(go())
