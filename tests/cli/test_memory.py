"""Memory that is not enough: it is said, no file is called damaged, nothing is half written, the command ends."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest

from tests.cli.calls import COMMAND

MIB = 1 << 20
# What may be said of it: native code that cannot allocate says no more than that it failed, or crashes.
REASONS = (
    "the memory ran out",
    "give the function more memory",
    "memory may have run out",
    "the limit on memory too low",
)


@pytest.mark.parametrize("mib", [300, 450, 700, 900])
def test_a_limit_on_memory_is_named_or_is_enough(long_clip: Path, tmp_path: Path, mib: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (mib * MIB, mib * MIB))

    out = tmp_path / "out"
    command = [*COMMAND, "run", str(long_clip), "-o", str(out), "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, timeout=300)
    assert "Traceback" not in done.stderr and "amaged at" not in done.stderr, done.stderr
    if done.returncode == 0:
        assert sorted(path.name for path in out.iterdir()) == ["long.mp4", "long.mp4.faces.jsonl"]
        return
    assert done.returncode == 1, done.stderr
    assert any(reason in done.stderr for reason in REASONS), done.stderr
    assert not (out / "long.mp4").exists()
