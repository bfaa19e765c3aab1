"""The load of the machine during a measurement: the GPU's own counters, and other processes' CPU time."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

STAT = Path("/proc/stat")


class Others:
    """The share of the machine's CPU time that other processes took while the context was open.

    Children count as ours once they are waited for, so that they must end inside the context.
    """

    share = 0.0

    def __enter__(self) -> Self:
        self._start = (time.perf_counter(), _busy_seconds(), _own_seconds())
        return self

    def __exit__(self, *exception: object) -> None:
        wall, busy, own = (
            now - then
            for now, then in zip((time.perf_counter(), _busy_seconds(), _own_seconds()), self._start, strict=True)
        )
        self.share = max(0.0, busy - own) / (wall * (os.cpu_count() or 1))


def _own_seconds() -> float:
    return sum(os.times()[:4])


def _busy_seconds() -> float:
    """CPU seconds of every process since the start of the machine, idle and waiting left out."""
    if not STAT.is_file():
        return 0.0
    ticks = [int(value) for value in STAT.read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _, _, irq, softirq = ticks[:7]
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Gpu:
    """Samples utilisation and memory of the GPU five times a second while the context is open, where there is one."""

    def __init__(self, device: str) -> None:
        self._samples: list[tuple[float, float]] = []
        self._process: subprocess.Popen[str] | None = None
        if device.startswith("cuda"):
            command = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
            index = device.partition(":")[2] or "0"
            self._process = subprocess.Popen([*command, "-lms", "200", "-i", index], stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        if self._process:
            self._thread = threading.Thread(target=self._read)
            self._thread.start()
        return self

    def _read(self) -> None:
        assert self._process and self._process.stdout
        for line in self._process.stdout:
            used, memory = line.split(",")
            self._samples.append((float(used), float(memory)))

    def __exit__(self, *exception: object) -> None:
        if self._process:
            self._process.terminate()
            self._thread.join()

    def summary(self) -> tuple[str, str]:
        """Mean utilisation in per cent and peak memory in MiB."""
        if not self._samples:
            return "-", "-"
        used, memory = zip(*self._samples, strict=True)
        return f"{sum(used) / len(used):.0f}", f"{max(memory):.0f}"
