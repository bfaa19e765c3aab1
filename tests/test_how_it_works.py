"""What docs/how-it-works.md names exists: files, and the classes and functions in them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/how-it-works.md").read_text()


def names(path: Path) -> set[str]:
    """The functions and classes of a module, and their methods as `Class.method`."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}.{one.name}" for one in methods}
    return found


def test_every_function_that_the_page_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)(?:: ([\w.]+))?`", PAGE)
    assert len(named) > 30
    for file, name in named:
        path = next(
            (folder / file for folder in (ROOT / "driver" / "faceblur", ROOT) if (folder / file).is_file()), None
        )
        assert path is not None, file
        assert not name or name in names(path), f"{file}: {name}"


def test_the_way_of_a_frame_has_at_most_twelve_steps() -> None:
    section = PAGE.split("### The twelve steps\n", 1)[1].split("\n### ", 1)[0]
    assert len(re.findall(r"^\d+\. ", section, re.MULTILINE)) <= 12
