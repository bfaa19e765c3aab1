"""File systems that are read-only or full, as far as this machine lets a test make them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _mount(*arguments: object) -> None:
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A folder that is a file system of this size, for every user. Skips the test where only root may mount one."""
    if os.getuid():
        pytest.skip("a small file system takes root")
    with tempfile.TemporaryDirectory(prefix="faceblur-disk-") as made:
        Path(made).chmod(0o755)
        folder = Path(made, "disk")
        folder.mkdir()
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", folder)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True, timeout=60)


@contextmanager
def made_read_only(folder: Path) -> Iterator[None]:
    """While no file in a folder can be written: by its mode, which root would ignore, or as a mount."""
    if os.getuid():
        modes = {path: path.stat().st_mode for path in (folder, *folder.iterdir())}
        for path in modes:
            path.chmod(0o555)
        try:
            yield
        finally:
            for path, mode in modes.items():
                path.chmod(mode)
        return
    _mount("--bind", folder, folder)
    try:
        _mount("-o", "remount,bind,ro", folder)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, timeout=60)


def fill(folder: Path) -> Path:
    """A file that takes all that is free; remove it to free it again."""
    path = folder / "ballast"
    with path.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                if file.write(bytes(size)) < size:
                    size //= 2
            except OSError:
                size //= 2
    return path
