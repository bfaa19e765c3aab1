"""A child process runs the files of its parent, not another faceblur that comes first on its path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import faceblur
import faceblur_function
from faceblur.base.module_path import child_python_path


def test_the_folders_of_this_program_come_first() -> None:
    folders = [str(Path(str(package.__file__)).parents[1]) for package in (faceblur, faceblur_function)]
    assert child_python_path({"PYTHONPATH": "mine"}).split(os.pathsep) == [*dict.fromkeys(folders), "mine"]


def test_a_run_is_a_child_of_the_same_files(tmp_path: Path) -> None:
    decoy = tmp_path / "faceblur"
    decoy.mkdir()
    (decoy / "__init__.py").write_text("")
    (decoy / "__main__.py").write_text("raise SystemExit(99)")
    driver = Path(str(faceblur.__file__)).parents[1]
    function = Path(str(faceblur_function.__file__)).parents[1]
    # The parent finds faceblur in its working directory, which a child with -P does not look into.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(function)])}
    command = [sys.executable, "-m", "faceblur", "run", str(tmp_path / "missing.mp4"), "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--function", "http://127.0.0.1:9"], cwd=driver, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert "no such file" in done.stderr
