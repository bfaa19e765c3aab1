"""The examples of the documentation run, and the tables of docs/api.md list what the API has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import cv2
import pytest

import faceblur
from examples.sample_clip import Image, pan, write_clip
from faceblur.base import events
from tests.evaluation.labelled import blank, paste, wider

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "docs/api.md"]
SHOWN_URL = "http://127.0.0.1:8080"
API = (ROOT / "docs/api.md").read_text()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, face: Image) -> Path:
    """The folder that the examples work in: `videos`, `photos` and `labels`."""
    folder = tmp_path_factory.mktemp("examples")
    write_clip(folder / "videos" / "clip.mp4", pan(face, (192, 144), 24))
    for name in ("photos", "labels"):
        (folder / name).mkdir()
    cv2.imwrite(str(folder / "photos" / "portrait.jpg"), face)
    labelled = blank()
    box = paste(face, labelled, 80, 20, 20)
    cv2.imwrite(str(folder / "labels" / "people.png"), labelled)
    (folder / "labels" / "people_bbx_gt.txt").write_text(wider({"people.png": [(box, False)]}))
    return folder


def examples(page: str) -> Iterator[tuple[int, str]]:
    """The Python blocks of a page, each with the line on which it begins."""
    text = (ROOT / page).read_text()
    for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, block.start(1)), block[1]


def table(heading: str, first: str) -> dict[str, list[str]]:
    """The rows of a table of docs/api.md by the words in backticks of their first cell, which has a heading `first`."""
    section = API.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = section.split(f"| {first} |", 1)[1].splitlines()[2:]
    rows = {}
    for line in takewhile(bool, lines):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        rows.update({name: cells for name in re.findall(r"`(\w+)(?:\(\))?`", cells[0])})
    return rows


def default(field: Field[Any]) -> str:
    value = field.default_factory() if field.default_factory is not MISSING else field.default
    return f"`{value!r}`".replace("'", '"')


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run_in_order(
    page: str, files: Path, function_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    names: dict[str, Any] = {"__name__": "__main__"}
    for line, example in examples(page):
        # As many line breaks before it, that a failure names the line of the page.
        code = "\n" * line + example.replace(SHOWN_URL, function_url)
        exec(compile(code, str(ROOT / page), "exec"), names)


def test_the_page_has_examples_and_mentions_every_name() -> None:
    assert list(examples("docs/api.md"))
    missing = [name for name in faceblur.__all__ if not re.search(rf"(?:`|faceblur\.){name}\b", API)]
    assert not missing


@pytest.mark.parametrize(
    ("heading", "kind"), [("Options", faceblur.Options), ("A deployed function", faceblur.Endpoint)]
)
def test_every_field_with_its_default(heading: str, kind: Any) -> None:
    rows = table(heading, "field")
    assert {name: cells[1] for name, cells in rows.items()} == {one.name: default(one) for one in fields(kind)}


@pytest.mark.parametrize("kind", [faceblur.Report, faceblur.FileReport])
def test_everything_that_a_report_has(kind: Any) -> None:
    names = {name for name in dir(kind) if not name.startswith("_")} | {one.name for one in fields(kind)}
    assert set(table("The report", f"of `{kind.__name__}`")) == names - {"apply", "end"}


def test_every_event_with_its_fields() -> None:
    kinds = {name: kind for name, kind in vars(events).items() if is_dataclass(kind)}
    found = {name: re.findall(r"`(\w+)`", cells[1]) for name, cells in table("Events", "event").items()}
    assert found == {name: [one.name for one in fields(kind)] for name, kind in kinds.items()}


def test_every_class_of_a_sidecar_with_its_fields() -> None:
    rows = table("Edit a sidecar and render again", "class")
    for name, cells in rows.items():
        for one in fields(getattr(faceblur, name)):
            assert f"`{one.name}`" in cells[1] or one.name == "faceblur_sidecar", (name, one.name)


def test_every_error_with_what_it_is_a_subclass_of() -> None:
    kinds = [getattr(faceblur, name) for name in faceblur.__all__]
    errors = [one for one in kinds if isinstance(one, type) and issubclass(one, faceblur.FaceblurError)]
    found = {name: re.findall(r"`(\w+)`", cells[1]) for name, cells in table("Errors", "error").items()}
    assert found == {one.__name__: [base.__name__ for base in one.__bases__] for one in errors}
