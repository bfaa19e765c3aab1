"""Headers and certificates reach the function and are checked."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from faceblur.base.errors import RequestRejected
from faceblur.detection.client import FunctionClient
from faceblur_function import wire


def test_headers_and_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)

    async def info(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer x":
            return web.Response(status=401)
        return web.json_response({"version": 1, "model": "m", "device": "d"})

    async def main(ca_file: str | None, headers: dict[str, str]) -> wire.Info:
        app = web.Application()
        app.router.add_get("/", info)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_side).start()
        try:
            url = f"https://127.0.0.1:{runner.addresses[0][1]}"
            async with FunctionClient([url], concurrency=1, headers=headers, ca_file=ca_file) as client:
                return await client.probe()
        finally:
            await runner.cleanup()

    good = {"Authorization": "Bearer x"}
    assert asyncio.run(main(str(tmp_path / "ca.pem"), good)).model == "m"
    with pytest.raises(RequestRejected, match=r"HTTP 401.*--header"):
        asyncio.run(main(str(tmp_path / "ca.pem"), {}))
    with pytest.raises(RequestRejected, match=r"not trusted.*--ca-file"):
        asyncio.run(main(None, good))
