"""Who may ask: the person with the link, from a page of this server. What is shown are people's faces.

Other users of this machine can reach the port, and so can pages of other sites in the same browser: by a form, or by a
name that leads to this address (DNS rebinding).
"""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Refuses requests without the token, for another host, or from another origin; sets HEADERS on each answer.

    The token comes once as `/?token=…`, and is a cookie from then on.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that the application does not get."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host.partition(":")[0] not in HOSTS:  # of port 80 browsers name no port
            return _refused(403, "forbidden", "this server answers at 127.0.0.1 only")
        if scope["method"] in WRITES and headers.get("origin") != f"http://{host}":
            return _refused(403, "forbidden", "this is no page of this server")
        if scope["path"] == "/" and (given := parse_qs(scope["query_string"].decode("latin-1")).get("token")):
            if not self._is_right(given[0]):
                return _refused(401, "unauthorized", "the token of the link is wrong: take the link of this run")
            answer = RedirectResponse("/", 303)
            # Cookies are not kept apart by port: of several servers each has its own.
            answer.set_cookie(_cookie(host), self._token, httponly=True, samesite="strict")
            return answer
        if not self._is_right(_cookie_of(headers, host)):
            return _refused(401, "unauthorized", "open the link that `faceblur review` printed")
        return None

    def _is_right(self, token: str) -> bool:
        return secrets.compare_digest(token.encode("utf-8", "replace"), self._token.encode())


def _cookie(host: str) -> str:
    return f"faceblur-{host.rpartition(':')[2]}"


def _cookie_of(headers: Headers, host: str) -> str:
    # As browsers write them: not by `http.cookies`, which drops all of them where another server of this machine set
    # one that it does not take.
    return cookie_parser(headers.get("cookie", "")).get(_cookie(host), "")


def _refused(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
