"""The README's tables tell what the code does."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import click
import pytest

from faceblur.cli.app import main
from faceblur_function.settings import Settings
from faceblur_function.wire import Request
from tests.support import awkward

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def table(heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by the words in backticks of their first cell."""
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows.update({name: cells for name in re.findall(r"`([^`]+)`", cells[0])})
    return rows


def text(default: Any) -> str:
    if default is None or isinstance(default, tuple | dict) or str(default).endswith("UNSET"):
        return ""
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_every_option_with_its_default_and_commands() -> None:
    rows = table("Options")
    found: dict[str, set[str]] = {}
    defaults: dict[str, set[str]] = {}
    for command in main.commands.values():
        for option in command.params:
            if not isinstance(option, click.Option):
                continue
            for name in [*option.opts, *option.secondary_opts]:
                found.setdefault(name, set()).add(str(command.name))
                plain_flag = (option.is_flag and not option.secondary_opts) or option.count
                defaults.setdefault(name, set()).add("off" if plain_flag else text(option.default))
    assert set(rows) == set(found)
    for name, commands in found.items():
        # A command may leave an option to what it works on: its help says so, in place of a default.
        assert {rows[name][1]} == (defaults[name] - {""} or {""}), name
        listed = [one for one in main.commands if one in commands]
        assert rows[name][2] == ("all" if len(listed) == len(main.commands) else ", ".join(listed)), name


def test_every_setting_with_its_default() -> None:
    rows = table("The function's settings")
    expected = {field.name.upper(): text(field.default) for field in fields(Settings) if field.default is not MISSING}
    assert {name: cells[1] for name, cells in rows.items() if not name.startswith("FACEBLUR_")} == expected


def test_every_field_of_a_request_with_its_default() -> None:
    rows = table("The HTTP contract")
    for name, field in Request.model_fields.items():
        default = "" if field.is_required() else text(field.default)
        assert rows[field.alias or name][1] == default, name
    assert set(rows) == {field.alias or name for name, field in Request.model_fields.items()}


@pytest.mark.parametrize("command", [None, *main.commands])
def test_help_can_be_read(command: str | None) -> None:
    chosen = main.commands[command] if command else main
    assert chosen.help
    for option in chosen.params:
        if isinstance(option, click.Option) and option.name not in ("help", "version"):
            assert option.help and option.help.endswith((".", "]")), option.name


def test_make_targets_and_files_that_the_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for name in set(re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", README)) | set(re.findall(r"`(test_\w+\.py)`", README)):
        assert (ROOT / name).exists() or (ROOT / "tests" / name).exists(), name


def test_every_awkward_file() -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \| (.*) \|$", README.split("<details>", 1)[1].split("</details>", 1)[0], re.MULTILINE
    )
    assert rows == [(kind.name, kind.what) for kind in (*awkward.HEALTHY, *awkward.BROKEN)]
