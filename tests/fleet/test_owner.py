"""The names of workers: whether the process of one has ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from faceblur.fleet import owner as module
from faceblur.fleet.owner import is_gone, new_owner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
PRINT_OWNER = "from faceblur.fleet.owner import new_owner; print(new_owner(), flush=True); input()"


def test_a_process_is_gone_once_it_has_ended() -> None:
    assert not is_gone(new_owner()) and new_owner() != new_owner()
    process = subprocess.Popen([sys.executable, "-c", PRINT_OWNER], stdout=-1, stdin=-1, text=True)
    assert process.stdout is not None
    owner = process.stdout.readline().strip()
    assert f":{process.pid}:" in owner and not is_gone(owner)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(owner)  # it waits for its parent to ask
    process.communicate()
    assert is_gone(owner)


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        (r"^[^:]+", "another-host"),
        (r"[0-9a-f]{8}-", "00000000-"),  # another start of the machine, or another container
        (r"[0-9a-f]{8}-", ""),  # of an older version
        (r"-.*", ""),
        (r":\d+:", ":x:"),
    ],
)
def test_what_may_be_elsewhere_is_not_gone(pattern: str, other: str) -> None:
    ended = re.sub(r":\d+:", f":{2**22 + 1}:", new_owner())  # more than Linux numbers
    assert is_gone(ended)
    assert not is_gone(re.sub(pattern, other, ended))


def test_where_the_system_does_not_say_nobody_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "PROC", tmp_path)
    assert not is_gone(re.sub(r":\d+:", f":{2**22 + 1}:", new_owner()))


@pytest.mark.parametrize("is_own", [True, False], ids=["own", "of-another-host"])
def test_a_process_that_proc_does_not_show_is_not_gone(
    is_own: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those of other users are hidden by `hidepid`; a container may have the /proc of its host."""
    numbered = os.getpid() if is_own else 2**22 + 1
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("of this start")
    (tmp_path / str(numbered) / "ns").mkdir(parents=True)
    (tmp_path / str(numbered) / "ns/pid").touch()
    (tmp_path / "self").symlink_to(str(numbered))
    monkeypatch.setattr(module, "PROC", tmp_path)
    assert not is_gone(new_owner())
    ended = re.sub(r":\d+:", f":{2**22 + 1}:", new_owner())
    assert is_gone(ended) == is_own
