"""What the process of a run loads before its work begins, and that it looks for no garbage meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# The process that does the work, up to its event loop. No worker is spawned for the function of another machine.
LOADED = """
import asyncio, gc, os, sys
from faceblur.__main__ import start
from faceblur.jobs import crash_guard

collections = []

def loaded(work):
    work.close()
    print(len(collections), gc.isenabled(), *sys.modules)
    return 0

asyncio.run = loaded
os.environ[crash_guard.VARIABLE] = f"{os.getppid()}:{sys.argv[1]}"
sys.argv = ["faceblur", "run", "clip.mp4", "-o", "out", "--function", "http://127.0.0.1:1"]
gc.callbacks.append(lambda phase, info: collections.append(phase))
start()
"""


def test_a_run_loads_only_what_it_needs_and_collects_no_garbage_meanwhile(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOADED, str(tmp_path / "journal")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    collections, is_enabled, *modules = done.stdout.split()
    assert (collections, is_enabled) == ("0", "True")
    assert "faceblur.redaction.video" in modules
    others = {f"faceblur.cli.{name}" for name in ("fleet", "jobs", "plan", "review", "serving")}
    # What speaks HTTP is loaded for the function of another machine alone, later.
    assert not {*others, "faceblur.redaction.edits", "aiohttp"} & set(modules)
