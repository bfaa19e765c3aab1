"""A small dashboard of Nuclio: it keeps functions, and passes invocations on to a function that runs elsewhere."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import requests


class NuclioDashboard:
    """A context manager with a `url`. `states` are those that a deployed function goes through; the last one stays."""

    def __init__(self, function: str, *states: str, message: str = "") -> None:
        self.functions: dict[str, dict[str, Any]] = {}
        self.projects = {"default"}
        self.asked: list[str] = []
        self._function, self._states, self._message = function, states or ("ready",), message
        self._looks = 0
        dashboard = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*dashboard.get(self.path, dict(self.headers)))

            def do_POST(self) -> None:
                if self.path == "/api/projects":
                    self._answer(*dashboard.create_project(self._body()))
                else:
                    self._answer(*dashboard.put(self._body(), exists=False))

            def do_PUT(self) -> None:
                self._answer(*dashboard.put(self._body(), exists=True))

            def _body(self) -> Any:
                return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, status: int, content: bytes) -> None:
                dashboard.asked.append(f"{self.command} {self.path} {status}")
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def get(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        if path == "/api/function_invocations":
            reply = requests.get(f"{self._function}/{headers['X-Nuclio-Path'].strip('/')}", timeout=60)
            return reply.status_code, reply.content
        found = self.functions.get(path.rpartition("/")[2])
        if found is None:
            return 404, b'{"error": "Function not found"}'
        state = self._states[min(self._looks, len(self._states) - 1)]
        self._looks += 1
        return 200, json.dumps(found | {"status": {"state": state, "message": self._message}}).encode()

    def create_project(self, body: dict[str, Any]) -> tuple[int, bytes]:
        name = body["metadata"]["name"]
        if name == "forbidden":
            return 403, b'{"error": "not allowed", "errorStackTrace": "long"}'
        if name in self.projects:
            return 409, b'{"error": "already exists"}'
        self.projects.add(name)
        return 201, b"{}"

    def put(self, body: dict[str, Any], *, exists: bool) -> tuple[int, bytes]:
        name = body["metadata"]["name"]
        if (name in self.functions) != exists:
            return (409 if not exists else 404), b'{"error": "no"}'
        if body["metadata"]["labels"]["nuclio.io/project-name"] not in self.projects:
            return 412, b'{"error": "Project does not exist", "errorStackTrace": "long"}'
        self.functions[name], self._looks = body, 0
        return 202, b""

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
