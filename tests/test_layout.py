"""Who may import whom: the design's rule, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "torchvision", "onnxruntime", "av", "sqlalchemy"}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, with the names that it takes from packages of ours."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            ours = node.module in ("function", "driver")
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if ours else {str(node.module)}
    return found


def modules(package: str) -> dict[str, set[str]]:
    return {str(path.relative_to(ROOT)): imports(path) for path in sorted((ROOT / package).rglob("*.py"))}


def test_the_function_imports_nothing_of_the_driver() -> None:
    for path, found in modules("function").items():
        assert not {name for name in found if name.split(".")[0] == "driver"}, path


def test_the_driver_imports_only_wire_and_redact_of_the_function() -> None:
    for path, found in modules("driver").items():
        ours = {name for name in found if name.split(".")[0] == "function"}
        assert ours <= {"function.wire", "function.redact"}, path


def test_heavy_packages_are_imported_in_one_module_each() -> None:
    where: dict[str, set[str]] = {}
    for path, found in (modules("function") | modules("driver")).items():
        for name in {name.split(".")[0] for name in found} & HEAVY:
            where.setdefault(name, set()).add(path)
    assert where["av"] == {"driver/video.py"} and where["onnxruntime"] == {"function/retinaface_onnx.py"}
    assert all(len(paths) == 1 for paths in where.values()), where


def test_driver_starts_without_heavy_packages_of_the_function() -> None:
    for path, found in modules("driver").items():
        assert not {"torch", "onnxruntime"} & {name.split(".")[0] for name in found}, path
