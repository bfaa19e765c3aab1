"""A real Prometheus of Debian's packages, on a free port of the loopback."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.support.ports import reserved_port


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is missing: apt-get install prometheus"
    return found


@contextmanager
def prometheus(folder: Path, targets: list[str]) -> Iterator[str]:
    """A Prometheus that scrapes these addresses every second; its own address."""
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "faceblur", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with reserved_port() as port:
        address = f"127.0.0.1:{port}"
        command = [program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--web.listen-address={address}"]
        server = subprocess.Popen(
            [*command, f"--storage.tsdb.path={folder}/data"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield f"http://{address}"
        finally:
            server.terminate()
            server.wait(60)


def results(address: str, query: str) -> Sequence[Any]:
    """The series that a query gives. A query that cannot be parsed fails the test."""
    try:
        found = requests.get(f"{address}/api/v1/query", params={"query": query}, timeout=60).json()
    except requests.RequestException:  # it is starting
        return []
    assert found["status"] == "success", f"{query}: {found}"
    return list(found["data"]["result"])


def answer(address: str, query: str) -> float | None:
    """The value of a query; None as long as there is none."""
    found = results(address, query)
    return float(found[0]["value"][1]) if found else None
