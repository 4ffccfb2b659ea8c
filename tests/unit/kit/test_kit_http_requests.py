# SPDX-License-Identifier: Apache-2.0
"""What the lean client writes, and where it connects to. No socket: nothing here gets so far."""

import base64

import pytest

from aigw_kit.http import HttpClient
from aigw_kit.http.origin import Origin, Proxy, environment_proxy

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
LINE_BREAKS = [b"\r\n", b"\n", b"\r", b"\r\nx: y\r\n\r\nGET /other HTTP/1.1"]


def encoded(client: HttpClient, method: bytes = b"POST", body: bytes = b"{}", *headers: tuple[bytes, bytes]) -> bytes:
    return client._encode(method, b"/v1/a?b=c", list(headers), body)


def test_a_request_is_one_piece() -> None:
    client = HttpClient("http://model.internal:8000/base/")
    expected = b"POST /base/v1/a?b=c HTTP/1.1\r\nhost: model.internal:8000\r\nx: y\r\ncontent-length: 2\r\n\r\n{}"
    assert encoded(client, b"POST", b"{}", (b"x", b"y")) == expected


def test_a_get_has_no_length_and_an_empty_post_has() -> None:
    client = HttpClient("http://a")
    assert encoded(client, b"GET", b"") == b"GET /v1/a?b=c HTTP/1.1\r\nhost: a\r\n\r\n"
    assert encoded(client, b"POST", b"").endswith(b"content-length: 0\r\n\r\n")


def test_the_body_may_hold_line_breaks() -> None:
    assert encoded(HttpClient("http://a"), b"POST", b"a\r\n\r\nb").endswith(b"content-length: 6\r\n\r\na\r\n\r\nb")


@pytest.mark.parametrize("line_break", LINE_BREAKS)
@pytest.mark.parametrize("place", ["name", "value", "target", "method"])
async def test_a_line_break_is_refused_before_anything_is_sent(line_break: bytes, place: str) -> None:
    spoiled = b"a" + line_break + b"b"
    header = (spoiled, b"v") if place == "name" else (b"n", spoiled if place == "value" else b"v")
    target = b"/" + spoiled if place == "target" else b"/"
    method = spoiled if place == "method" else b"POST"
    client = HttpClient("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="line break"):
        await client.request(method, target, [header], b"", 1.0)
    with pytest.raises(ValueError, match="line break"):
        await client.stream(method, target, [header], b"", 1.0)


def test_two_half_breaks_do_not_make_a_whole_one() -> None:
    """Nor may a header stand in for the line that another one lacks."""
    client = HttpClient("http://a")
    for headers in ([(b"a", b"b\r"), (b"\nc", b"d")], [(b"a", b"b\rc\n")], [(b"a", b"b\n\r")]):
        with pytest.raises(ValueError, match="line break"):
            encoded(client, b"POST", b"", *headers)


def test_a_plain_proxy_gets_the_absolute_form() -> None:
    client = HttpClient("http://model.internal:8000/base", proxy=Proxy.parse("http://u:p%40ss@proxy:3128"))
    pair = base64.b64encode(b"u:p@ss")
    assert encoded(client, b"GET", b"") == (
        b"GET http://model.internal:8000/base/v1/a?b=c HTTP/1.1\r\nhost: model.internal:8000\r\n"
        b"proxy-authorization: Basic " + pair + b"\r\n\r\n"
    )


def test_behind_a_tunnel_the_origin_never_sees_the_proxy_s_credential() -> None:
    client = HttpClient("https://model.internal", proxy=Proxy.parse("http://u:p@proxy"))
    assert encoded(client, b"GET", b"") == b"GET /v1/a?b=c HTTP/1.1\r\nhost: model.internal\r\n\r\n"


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("http://a", Origin("http", "a", 80, b""), b"a"),
        ("http://a:80/", Origin("http", "a", 80, b""), b"a"),
        ("https://A.example:443/v1/", Origin("https", "a.example", 443, b"/v1"), b"a.example"),
        ("https://a:8443/x/y", Origin("https", "a", 8443, b"/x/y"), b"a:8443"),
        ("http://[::1]:8000", Origin("http", "::1", 8000, b""), b"[::1]:8000"),
    ],
)
def test_origins(url: str, origin: Origin, authority: bytes) -> None:
    assert Origin.parse(url) == origin
    assert origin.authority == authority


@pytest.mark.parametrize("url", ["", "a", "ftp://a", "http://", "http:///v1", "unix:///tmp/x"])
def test_what_is_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match="not an http or https URL"):
        Origin.parse(url)


@pytest.mark.parametrize("url", ["socks5://proxy:1080", "https://proxy", "http://"])
def test_what_is_no_proxy_that_is_supported(url: str) -> None:
    with pytest.raises(ValueError, match="only http:// proxies"):
        Proxy.parse(url)


@pytest.mark.parametrize(
    ("url", "environment", "proxied_by"),
    [
        ("http://a", {}, None),
        ("http://a", {"http_proxy": "http://p:3128"}, "p"),
        ("http://a", {"https_proxy": "http://p:3128"}, None),
        ("https://a", {"https_proxy": "p:3128"}, "p"),
        ("https://a", {"all_proxy": "http://p"}, "p"),
        ("https://a", {"https_proxy": "http://p", "no_proxy": "b,a"}, None),
        ("https://x.corp.example", {"https_proxy": "http://p", "no_proxy": ".corp.example"}, None),
        ("https://x.corp.example", {"https_proxy": "http://p", "no_proxy": "corp.example"}, None),
        ("https://xcorp.example", {"https_proxy": "http://p", "no_proxy": "corp.example"}, "p"),
        ("https://a:8443", {"https_proxy": "http://p", "no_proxy": "a:8443"}, None),
        ("https://a:8443", {"https_proxy": "http://p", "no_proxy": "a:443"}, "p"),
        ("http://127.0.0.1:9", {"http_proxy": "http://p", "no_proxy": "localhost,127.0.0.1"}, None),
        ("http://[::1]:9", {"http_proxy": "http://p", "no_proxy": "::1"}, None),
        ("https://a", {"https_proxy": "http://p", "no_proxy": "*"}, None),
    ],
)
def test_the_environment_s_proxy(
    url: str, environment: dict[str, str], proxied_by: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name.upper(), value)
    found = environment_proxy(Origin.parse(url))
    assert (found.host if found else None) == proxied_by
