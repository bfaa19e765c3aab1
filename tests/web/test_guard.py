"""Who may ask the review's server: what it shows are faces."""

from __future__ import annotations

import pytest
import requests

from tests.web.conftest import TOKEN, Client


def test_only_who_has_the_link_sees_anything(server: str) -> None:
    for path in ("/", "/page/index.html", "/openapi.json", "/api/v1/videos", "/api/v1/jobs", "/?token=wrong"):
        refused = requests.get(server + path, timeout=60)
        assert refused.status_code == 401 and "link" in refused.json()["error"]["message"], path
    answer = requests.get(f"{server}/?token={TOKEN}", timeout=60, allow_redirects=False)
    cookie = answer.headers["Set-Cookie"]
    assert answer.status_code == 303 and "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert TOKEN not in answer.headers["Location"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example:80", ""])
def test_another_name_of_this_address_gets_nothing(client: Client, host: str) -> None:
    answer = client.get("/videos", headers={"Host": host})
    assert answer.status_code in (400, 403) and "face.mp4" not in answer.text


@pytest.mark.parametrize("others", ['a={"x": 1}', "a b=c", 'x="open', "ü=ö", "; =", "x"])
def test_cookies_of_other_servers_of_this_machine_lock_nobody_out(server: str, others: str) -> None:
    cookie = f"{others}; faceblur-{server.rpartition(':')[2]}={TOKEN}"
    headers: dict[str, str | bytes] = {"Cookie": cookie.encode()}
    assert requests.get(f"{server}/api/v1/videos", headers=headers, timeout=60).status_code == 200


def test_port_80_is_not_named(server: str) -> None:
    headers = {"Host": "127.0.0.1", "Cookie": f"faceblur-127.0.0.1={TOKEN}"}
    assert requests.get(f"{server}/api/v1/videos", headers=headers, timeout=60).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", None])
def test_another_page_changes_nothing(client: Client, origin: str | None) -> None:
    path = client.video()
    before = client.get(path)
    client.headers.pop("Origin")
    headers = {"If-Match": before.headers["ETag"]} | ({"Origin": origin} if origin else {})
    body = {"by": "eve", "operations": [{"op": "remove-track", "track": 1}]}
    assert client.post(f"{path}/edits", json=body, headers=headers).status_code == 403
    assert client.post(f"{path}/jobs", json={"kind": "render"}, headers=headers).status_code == 403
    assert client.get(path).json() == before.json()


def test_nothing_is_kept_by_browsers_and_nothing_is_loaded_from_elsewhere(client: Client) -> None:
    for path in ("/videos", f"{client.video()}/frames/0"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
