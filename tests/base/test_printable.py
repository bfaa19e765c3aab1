"""Commands that are shown to be pasted: Bash gets the names of files as they are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from faceblur.base.printable import shell_command

NAMES = [
    "plain.mp4",
    "a b'\"$x`.mp4",
    "new\nline\\.mp4",
    "tab\tit's.mp4",
    "лицо [red]*.mp4",
    os.fsdecode(b"\xff\xfe1.mp4"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_characters_is_read_back(name: str) -> None:
    command = shell_command("printf", r"%s\0", name, Path(f"/in/{name}"))
    assert command.isprintable()
    read = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60).stdout
    assert read.split(b"\0")[:-1] == [os.fsencode(name), os.fsencode(f"/in/{name}")]


def test_a_path_that_begins_with_a_dash_is_no_option() -> None:
    assert shell_command("faceblur", "edit", Path("-a.mp4"), "--add", "x") == "faceblur edit ./-a.mp4 --add x"
    assert shell_command("cat", Path("-a\nb")) == r"cat $'./-a\012b'"
