"""Who may import whom: the design's rule, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import LONGEST

ROOT = Path(__file__).parent.parent
SOURCES = {"faceblur": ROOT / "driver" / "faceblur", "faceblur_function": ROOT / "function" / "faceblur_function"}
# The driver's packages from the top down: each imports only those in the rows below its own.
LAYERS = [
    {"cli"},
    {"web", "releasing"},
    {"auditing", "evaluation", "fleet"},
    {"jobs"},
    {"redaction"},
    {"tracking", "detection", "media", "ledger"},
    {"base"},
]
# What the driver may import of the function.
SHARED = {f"faceblur_function.{name}" for name in ("wire", "defaults", "images", "mask_shapes", "styles", "self_check")}
# Packages that belong to one of ours each.
OWNERS = {
    "av": "faceblur.media",
    "aiohttp": "faceblur.detection",
    "sqlalchemy": "faceblur.ledger",
    "alembic": "faceblur.ledger",
    "fastapi": "faceblur.web",
    "starlette": "faceblur.web",
    "uvicorn": "faceblur.web",
    "opentelemetry": "faceblur.jobs",
    "torch": "faceblur_function.detectors",
    "torchvision": "faceblur_function.detectors",
    "onnxruntime": "faceblur_function.detectors",
}


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    found = {}
    for name, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [name, *path.relative_to(folder).with_suffix("").parts]
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(module: str) -> set[str]:
    """Every module that a module imports, anywhere in it; of ours the very files."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found - {module}


IMPORTS = {module: imports(module) for module in MODULES}


def layer(module: str) -> int | None:
    package = module.split(".")[1] if "." in module else ""
    return next((index for index, row in enumerate(LAYERS) if package in row), None)


def test_the_function_imports_nothing_of_the_driver() -> None:
    for module, found in IMPORTS.items():
        if module.startswith("faceblur_function"):
            assert not {name for name in found if name.split(".")[0] == "faceblur"}, module


def test_the_driver_imports_only_the_contract_and_the_masks_of_the_function() -> None:
    for module, found in IMPORTS.items():
        if not module.startswith("faceblur_function"):
            ours = {name for name in found if name.startswith("faceblur_function.")}
            assert ours <= SHARED, (module, ours - SHARED)


def test_heavy_packages_belong_to_one_of_ours_each() -> None:
    for module, found in IMPORTS.items():
        for name in {name.split(".")[0] for name in found} & OWNERS.keys():
            assert module.startswith(OWNERS[name]), (module, name)


def ours(module: str) -> set[str]:
    return {name for name in IMPORTS[module] if name in MODULES}


def test_a_package_imports_only_those_below_it() -> None:
    for module in MODULES:
        for name in ours(module):
            above, below = layer(module), layer(name)
            if above is None or below is None or module.split(".")[1] == name.split(".")[1]:
                continue
            assert above < below, f"{module} imports {name}"


def test_the_driver_has_no_more_packages_than_layers_list() -> None:
    packages = {module.split(".")[1] for module in MODULES if module.startswith("faceblur.")}
    assert packages - {"__main__"} == set().union(*LAYERS)


def chain(module: str, above: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The longest chain of imports from a module down."""
    assert module not in above, f"a circle: {' > '.join([*above, module])}"
    if module not in CHAINS:
        below = [chain(name, (*above, module)) for name in ours(module)]
        CHAINS[module] = (module, *max(below, key=len, default=()))
    return CHAINS[module]


CHAINS: dict[str, tuple[str, ...]] = {}


def test_no_circle_and_no_chain_of_imports_longer_than_ten_files() -> None:
    longest = max((chain(module) for module in MODULES), key=len)
    assert len(longest) <= 10, " > ".join(longest)


def definitions() -> Iterator[tuple[Path, ast.AST]]:
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            yield path, node


def test_a_class_name_is_used_once() -> None:
    names: dict[str, Path] = {}
    for path, node in definitions():
        if isinstance(node, ast.ClassDef):
            name = node.name.lstrip("_")
            assert name not in names, f"{name}: in {names[name]} and in {path}"
            names[name] = path


def test_no_module_over_300_lines_and_no_function_over_50() -> None:
    for path in (*MODULES.values(), *(ROOT / "tests").rglob("*.py")):
        assert len(path.read_text().splitlines()) <= 300, path
    for path, node in definitions():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            assert node.end_lineno - node.lineno < 50, f"{path}: {node.name}"


def test_the_files_of_tests_that_begin_first_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
