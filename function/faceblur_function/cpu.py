"""The number of CPU cores that this process may use."""

from __future__ import annotations

import os
from pathlib import Path


def cores(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """The CPU cores that this process may use: its affinity, and the container's quota (cgroup v2) if lower."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if quota_file.is_file():
        quota, period = quota_file.read_text().split()
        if quota != "max":
            available = min(available, max(1, round(int(quota) / int(period))))
    return available
