"""How much memory is left: of the machine, and of the container where that has a limit of its own."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def available_memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """The share of the memory that is available, 0 to 1; 1 where the system does not say.

    That of the machine or, if it is less, that of the container's limit (cgroup v2).
    """
    shares = [1.0]
    for share, source in ((_of_machine, meminfo), (_of_container, cgroup)):
        with suppress(OSError, ValueError, KeyError, IndexError):  # it is not said, or otherwise
            shares.append(share(source))
    return min(shares)


def _of_machine(meminfo: Path) -> float:
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    available, total = (int(lines[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
    return available / max(total, 1)


def _of_container(cgroup: Path) -> float:
    """What is left of the limit. Cached files that can be dropped at any time do not count, as for Kubernetes.

    The limit is the word `max`, which is no number, where there is none.
    """
    limit, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
    counts = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    return max(0.0, 1 - (used - int(counts["inactive_file"])) / max(limit, 1))
