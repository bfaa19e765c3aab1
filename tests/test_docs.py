"""The documentation's tables, links and paths agree with the code."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections import Counter
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from faceblur.cli import app, fleet, jobs, plan, review, serving  # noqa: F401  # they add their commands
from faceblur.cli.group import main
from faceblur.detection.request_statistics import OUTCOMES
from faceblur_function.settings import Settings
from faceblur_function.wire import Request
from tests.support import awkward
from tests.support.figures import exported

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
MAX_README_LINES = 200
# The pages that the index lists; each is required.
PAGES = (
    *("api", "audit", "defaults", "deploy", "evaluation", "formats", "how-it-works", "http", "performance", "promises"),
    *("release", "review", "settings", "sidecar", "fleet"),
)
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
    *sorted(DOCS.glob("*.md")),
]
COMMANDS = (
    "run",
    "image",
    "render",
    "audit",
    "edit",
    "evaluate",
    "review",
    "release",
    "serve",
    "plan",
    "submit",
    "work",
    "jobs",
)  # in the order of the table of options


def page(name: str) -> str:
    """The text of a page of docs/."""
    path = DOCS / f"{name}.md"
    assert path.exists(), f"docs/{name}.md is missing"
    return path.read_text()


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the tables in a text, by the words in backticks of their first cell."""
    found = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found.update({name: cells for name in re.findall(r"`([^`]+)`", cells[0])})
    return found


def section(name: str, heading: str) -> str:
    """A section of a page of docs/, without the next heading of the same level."""
    text = page(name)
    assert f"## {heading}\n" in text, f"docs/{name}.md has no section {heading!r}"
    return text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def default_text(default: Any) -> str:
    """A default as the tables write it."""
    if default is None or isinstance(default, tuple | dict) or str(default).endswith("UNSET"):
        return ""
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"{default:g}" if isinstance(default, float) else str(default)


def plain(markdown: str) -> str:
    """Text without markup, the final period and the default that `--help` adds."""
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", markdown.replace("`", ""))
    return re.sub(r"\s*\[default: .*\]$", "", text).rstrip(".").lower()


def options() -> dict[str, list[tuple[str, click.Option]]]:
    """Every option by its name, with the commands that have it, in the order of COMMANDS."""
    assert sorted(COMMANDS) == sorted(main.commands)
    found: dict[str, list[tuple[str, click.Option]]] = {}
    for command in COMMANDS:
        for option in main.commands[command].params:
            if isinstance(option, click.Option):
                for name in [*option.opts, *option.secondary_opts]:
                    found.setdefault(name, []).append((command, option))
    return found


def test_every_option_with_its_default_commands_and_help() -> None:
    table = rows(section("settings", "Options"))
    assert set(table) == set(options())
    for name, uses in options().items():
        defaults = set()
        for _, option in uses:
            plain_flag = (option.is_flag and not option.secondary_opts) or option.count
            defaults.add("off" if plain_flag else default_text(option.default))
        # A command may leave an option to what it works on: its help says so, in place of a default.
        assert {table[name][1]} == (defaults - {""} or {""}), name
        commands = [command for command, _ in uses]
        assert table[name][2] == ("all" if len(commands) == len(COMMANDS) else ", ".join(commands)), name
        # The table may add to what the help of the first of these commands says.
        assert plain(table[name][3]).startswith(plain(str(uses[0][1].help))), name


def test_every_setting_with_its_default() -> None:
    table = rows(section("settings", "The function's settings"))
    expected = {
        field.name.upper(): default_text(field.default) for field in fields(Settings) if field.default is not MISSING
    }
    assert {name: cells[1] for name, cells in table.items() if not name.startswith("FACEBLUR_")} == expected


def test_every_field_of_a_request_with_its_default() -> None:
    tables = [rows(table) for table in page("http").split("\n\n")]
    table = next((one for one in tables if "frames" in one), None)
    assert table, "docs/http.md has no table of a request's fields"
    defaults = {
        field.alias or name: "" if field.is_required() else default_text(field.default)
        for name, field in Request.model_fields.items()
    }
    assert {name: cells[1] for name, cells in table.items()} == defaults


def test_every_figure_for_prometheus_with_its_labels(tmp_path: Path) -> None:
    listed = {}
    for cell in rows(section("fleet", "Monitoring")):
        name, _, labels = cell.removesuffix("}").partition("{")
        listed[name] = set(filter(None, labels.split(",")))
    found = {re.sub(r"_(bucket|sum|count)$", "", name): labels - {"le"} for name, labels in exported(tmp_path).items()}
    assert listed == found


def test_every_outcome_of_a_request_is_named() -> None:
    (cell,) = {cells[2] for name, cells in rows(section("fleet", "Monitoring")).items() if "requests_total" in name}
    assert set(re.findall(r"`([^`]+)`", cell)) == set(OUTCOMES)


def test_every_awkward_file() -> None:
    table = re.findall(r"^\| `([\w.]+\.\w+)` \| (.*) \|$", section("formats", "Codecs and containers"), re.MULTILINE)
    assert table == [(kind.name, kind.what) for kind in (*awkward.HEALTHY, *awkward.BROKEN)]


@pytest.mark.parametrize("command", [None, *main.commands])
def test_help_can_be_read(command: str | None) -> None:
    chosen = main.commands[command] if command else main
    assert chosen.help
    for option in chosen.params:
        if isinstance(option, click.Option) and option.name not in ("help", "version"):
            assert option.help and option.help.endswith((".", "]")), option.name


@pytest.mark.parametrize("group", [(), ("jobs",)])
def test_lists_of_commands_are_complete_on_80_columns(group: tuple[str, ...]) -> None:
    listed = CliRunner().invoke(main, [*group, "--help"], terminal_width=78).output
    assert "Commands:" in listed and "..." not in listed.partition("Commands:")[2]


def test_every_page_is_in_the_index_and_there() -> None:
    listed = re.findall(r"^\| \[[\w-]+\.md\]\(([\w-]+)\.md\)", INDEX.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(PAGES)
    there = {path.stem for path in DOCS.glob("*.md")} - {"README"}
    assert not set(PAGES) - there, f"missing in docs/: {sorted(set(PAGES) - there)}"
    assert not there - set(PAGES), f"not in the index: {sorted(there - set(PAGES))}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", plain(heading)).strip().replace(" ", "-") for heading in headings}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_links_paths_targets_and_modules_exist(document: Path) -> None:
    text = document.read_text()
    broken = []
    for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        linked = (document.parent / target) if target else document
        if not linked.exists() or (anchor and linked.suffix == ".md" and anchor not in anchors(linked)):
            broken.append(f"link {target}#{anchor}" if anchor else f"link {target}")
    for name in re.findall(r"`((?:\.\./)?(?:tests|benchmarks|driver|function|examples|docs)/[\w./-]*)`", text):
        if not (ROOT / name.removeprefix("../")).exists():
            broken.append(f"path {name}")
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|^ {4}|`)make ([\w-]+)", text, re.MULTILINE):
        if not re.search(rf"^{target}:", makefile, re.MULTILINE):
            broken.append(f"make {target}")
    for module in re.findall(r"python -m ((?:faceblur|faceblur_function|benchmarks|tests)[\w.]*)", text):
        if not importlib.util.find_spec(module):
            broken.append(f"module {module}")
    assert not broken, f"{document.relative_to(ROOT)}: {broken}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_no_place_is_kept_for_what_was_to_be_written(document: Path) -> None:
    assert not re.search(r"@@|TODO|FIXME|XXX", document.read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_faceblur_command_has_options_that_exist(document: Path) -> None:
    calls = rf"^.*\bfaceblur (?:{'|'.join(COMMANDS)}) .*$"
    for line in re.findall(calls, document.read_text(), re.MULTILINE):
        if not line.startswith(("    ", ".venv/", "$")):
            continue  # prose: what surrounds the call is not known
        call = re.search(r"\bfaceblur (\w+) ([^#]*)", line)
        assert call and call[1] in main.commands, line
        command = main.commands[call[1]]
        if isinstance(command, click.Group) and (word := call[2].split(" ", 1)[0]) in command.commands:
            command = command.commands[word]
        known = {name for option in command.params for name in [*option.opts, *option.secondary_opts]}
        used = set(re.findall(r"(?<!\S)(--[\w-]+)", call[2]))
        assert used <= known | {"--help"}, f"{line}: {used - known}"


def test_make_alone_prints_its_targets_and_starts_nothing() -> None:
    for arguments in ([], ["help"]):
        done = subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True)
        makefile = (ROOT / "Makefile").read_text()
        assert done.returncode == 0 and done.stdout in makefile.replace("# ", "").replace("#\n", "\n"), done.stderr
        assert "make blur" in done.stdout and "make test" in done.stdout


def test_files_that_the_commands_write_are_ignored_by_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no clone")
    text = "".join(document.read_text() for document in DOCUMENTS if document.parent.name != "benchmarks")
    written = re.findall(r"^ *(?:\.venv/|curl|printf).* (?:-o|>|--json) ([\w-]+(?:\.\w+)*)", text, re.MULTILINE)
    assert {"blurred", "again.mp4", "body.json"} <= set(written)
    for name in written:
        if name != "OUT":
            # A folder is one of these by the slash.
            call = ["git", "check-ignore", "--no-index", name, f"{name}/"]
            assert subprocess.run(call, cwd=ROOT, capture_output=True).returncode == 0, name


def test_every_row_of_the_dashboard_and_no_other() -> None:
    panels = json.loads((ROOT / "deploy/monitoring/dashboard.json").read_text())["panels"]
    table = section("fleet", "Monitoring").split("| row of the dashboard |", 1)[1].split("\n\n", 1)[0]
    listed = [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]]
    assert listed == [one["title"] for one in panels if one["type"] == "row"]


def test_the_changelog_says_nothing_twice() -> None:
    """Where git merges by union, both versions of a changed line stay."""
    words = (ROOT / "CHANGELOG.md").read_text().split()
    parts = [" ".join(words[at : at + 10]) for at in range(len(words) - 9)]
    assert [part for part, count in Counter(parts).items() if count > 1] == []
