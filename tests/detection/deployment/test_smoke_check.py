"""The smoke check fails unless one face comes back blurred and the rest unchanged."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from faceblur.base.errors import FunctionError
from faceblur.detection.deployment import smoke_check
from faceblur_function import images, wire


class Imposter:
    """A server that claims to be the function: it answers with these boxes, and black images if it is to `paint`."""

    def __init__(self, boxes: list[list[float]], *, paint: bool) -> None:
        self.boxes, self.paint = boxes, paint

    async def handle(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            info = wire.Info(
                version=wire.VERSION, model="m", device="cpu", weights_sha256="0" * 64, provider="p", threads=1,
                function="0", digests=False, limits=wire.Limits(),
            )  # fmt: skip
            return web.Response(text=info.model_dump_json())
        frame = images.decode_image(wire.decode_base64((await request.json())["frames"][0]))
        if self.paint:
            frame[:] = 0
        landmarks = [[1.0, 1.0]] * 5
        reply = {
            "version": wire.VERSION, "model": "m", "device": "cpu", "timings_ms": {},
            "frames": [wire.encode_base64(images.encode_image(frame, "png", 95))],
            "faces": [[{"box": box, "score": 0.9, "landmarks": landmarks} for box in self.boxes]],
        }  # fmt: skip
        return web.json_response(reply)

    async def check(self) -> str:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/", self.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return await smoke_check.check(f"http://127.0.0.1:{runner.addresses[0][1]}", patience=10)
        finally:
            await runner.cleanup()


@pytest.mark.parametrize(
    ("imposter", "reason"),
    [
        (Imposter([], paint=False), "no face was detected"),
        (Imposter([[114, 57, 209, 177]], paint=False), "not blurred: 100% of its detail is left"),
        (Imposter([[114, 57, 209, 177]], paint=True), "changed outside the face"),
    ],
)
def test_the_check_fails_without_one_blurred_face(imposter: Imposter, reason: str) -> None:
    with pytest.raises(FunctionError, match=reason):
        asyncio.run(imposter.check())
