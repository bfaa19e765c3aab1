"""The memory that is left, by files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceblur.jobs.available_memory import available_memory

QUARTER = "MemTotal:  4000 kB\nMemFree:  1 kB\nMemAvailable:  1000 kB\n"


def system(folder: Path, meminfo: str, **cgroup: str) -> tuple[Path, Path]:
    (folder / "meminfo").write_text(meminfo)
    for name, text in cgroup.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder / "meminfo", folder


def test_that_of_the_machine(tmp_path: Path) -> None:
    assert available_memory(*system(tmp_path, QUARTER)) == 0.25
    assert 0 < available_memory() <= 1


@pytest.mark.parametrize(
    ("limit", "used", "cached", "share"),
    [
        ("1000\n", "900\n", 0, 0.1),
        ("1000\n", "900\n", 800, 0.25),  # the machine has less: 0.25 of it
        ("1000\n", "1100\n", 0, 0.0),
        ("max\n", "900\n", 0, 0.25),
    ],
)
def test_that_of_a_container_with_a_limit(tmp_path: Path, limit: str, used: str, cached: int, share: float) -> None:
    stat = f"anon 100\nfile 800\ninactive_file {cached}\n"
    paths = system(tmp_path, QUARTER, memory_max=limit, memory_current=used, memory_stat=stat)
    assert available_memory(*paths) == pytest.approx(share)


def test_all_of_it_where_nobody_says(tmp_path: Path) -> None:
    assert available_memory(*system(tmp_path, "nothing\n")) == 1.0
    assert available_memory(tmp_path / "none", tmp_path / "none") == 1.0
    incomplete = system(tmp_path, QUARTER, memory_max="1000\n", memory_current="900\n", memory_stat="anon 1\n")
    assert available_memory(*incomplete) == 0.25
