"""The name by which a worker owns its claims: it says which process it is, so that one that ended is known to have."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import uuid
from pathlib import Path

PROC = Path("/proc")


def new_owner() -> str:
    """A name for this process that no other worker has: host, process, and what else tells it from all others."""
    return f"{socket.gethostname()}:{os.getpid()}:{_processes()}-{uuid.uuid4().hex[:8]}"


def is_gone(owner: str) -> bool:
    """Whether a worker was a process of this machine that has ended. False where that cannot be known.

    A worker that another one takes for gone by mistake cannot publish what was taken over.
    """
    found = re.fullmatch(r"(?P<host>.*):(?P<pid>\d{1,9}):(?P<processes>[0-9a-f]+)-[0-9a-f]+", owner)
    if found is None or (found["host"], found["processes"]) != (socket.gethostname(), _processes()):
        return False
    return not _is_alive(int(found["pid"]))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # nothing is sent; unlike /proc, it knows of other users' processes where these are hidden
        state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
        threads = len(list((PROC / str(pid) / "task").iterdir()))
    except ProcessLookupError:
        return False
    except OSError:  # hidden, or it ends just now
        return True
    # One that ended, and that its parent has not asked for yet; others of its threads may still be ending.
    return state not in "ZX" or threads > 1


def _processes() -> str:
    """What numbers processes as this one is numbered: this start of this machine, and this container on it.

    Empty where the system does not say, or numbers them in another way in /proc.
    """
    try:
        if os.readlink(PROC / "self") != str(os.getpid()):
            return ""
        boot = (PROC / "sys/kernel/random/boot_id").read_text()
        return hashlib.sha256(f"{boot}{(PROC / 'self/ns/pid').stat().st_ino}".encode()).hexdigest()[:8]
    except OSError:
        return ""
