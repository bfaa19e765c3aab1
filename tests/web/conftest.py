"""A real output under review, and a server that serves it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import requests

from examples.sample_clip import Image, pan, write_clip
from faceblur.auditing.folder_audit import find_outputs
from faceblur.cli.review_page import ReviewTools
from faceblur.detection.endpoint import Endpoint
from faceblur.web.app import review_app
from faceblur.web.review import Review
from faceblur.web.server import ReviewServer
from faceblur.web.video_list import reviewed_videos
from faceblur.web.work import Tools, Work
from tests.cli.calls import invoke
from tests.conftest import ServerThread
from tests.web.browsing import TOKEN, browser, page  # noqa: F401 (fixtures)

FRAMES = 30
SPARED = 5  # of them


class Client(requests.Session):
    """A browser's calls of the API: with the cookie, and as from the server's own page."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        super().__init__()
        self.url, self.headers["Origin"] = url, url
        self.get(f"{url}/?token={token}", allow_redirects=False)

    def request(self, method: str | bytes, url: str | bytes, *rest: object, **named: object) -> requests.Response:
        full = str(url) if str(url).startswith("http") else f"{self.url}/api/v1{url}"
        return super().request(method, full, *rest, timeout=60, **named)  # type: ignore[arg-type]

    def video(self, number: int = 0) -> str:
        """The path of a video."""
        return f"/videos/{self.get('/videos').json()[number]['id']}"

    def edit(self, *operations: dict[str, object], reason: str | None = None) -> requests.Response:
        """Make edits of the first video as it is now."""
        path = self.video()
        tag = self.get(path).headers["ETag"]
        body = {"by": "ann", "operations": operations, "reason": reason}
        return self.post(f"{path}/edits", json=body, headers={"If-Match": tag})


@pytest.fixture(scope="session")
def made(face: Image, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source in `in` and its output in `out`, audited: the face is spared in its first frames."""
    folder = tmp_path_factory.mktemp("reviewed")
    source = write_clip(folder / "in" / "face.mp4", islice(pan(face, (320, 240), 60), FRAMES))
    options = ("--function", function_url, "--audit", "--spare", f"0,0,320,240@0-{SPARED / 25}")
    result = invoke("run", source, "-o", folder / "out", *options)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A fresh copy of it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def server_of(folder: Path, tools: Tools) -> ReviewServer:
    """A server of the outputs in a folder, on a free port."""
    videos = reviewed_videos(find_outputs(folder / "in", folder / "out"), folder / "out")
    return ReviewServer(review_app(Review(videos), Work(tools), TOKEN), 0)


@pytest.fixture
def server(folder: Path, function_url: str) -> Iterator[str]:
    """The address of a server of this folder."""
    with ServerThread(server_of(folder, ReviewTools(Endpoint(urls=(function_url,))))) as running:
        yield running.url


@pytest.fixture
def client(server: str) -> Client:
    return Client(server)
