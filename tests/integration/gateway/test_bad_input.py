# SPDX-License-Identifier: Apache-2.0
"""Hostile input: a 4xx with a reason, soon, and the gateway serves on."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.asking import CODE, EMBEDDINGS, PROXY, encode, envelope, prompt, proxied
from gateway.running import Measured, RunningGateway, environment, fetch, resident_bytes, until
from gateway.wire import Answer, Wire
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration

MESSAGES = f"{PROXY}/anthropic/v1/messages"
GOOD = encode(envelope(prompt("claude")))
BIG = b"x" * (11 * 1024 * 1024)
MOST_GROWTH = 50 * 1024 * 1024
CHUNKED = {"Transfer-Encoding": "chunked"}
WHOLE = {"Content-Length": str(len(GOOD))}

Make = Callable[[Wire, dict[str, str]], bytes]


@pytest.fixture(scope="module", autouse=True)
def bounded_memory(gateway: RunningGateway) -> Iterator[None]:
    """Nothing in this module may make a service grow."""
    pids = gateway.pids()
    before = {name: resident_bytes(pid) for name, pid in pids.items()}
    yield
    assert gateway.pids() == pids, "a service was lost"
    grown = {name: resident_bytes(pid) - before[name] for name, pid in pids.items()}
    assert max(grown.values()) < MOST_GROWTH, grown


@pytest.fixture(autouse=True)
def serves_on(gateway: RunningGateway) -> Iterator[None]:
    yield
    with Wire(gateway.url) as wire:
        wire.post(CODE, gateway.headers, GOOD)
        assert wire.answer().status == 200


def ask(gateway: RunningGateway, make: Make, headers: dict[str, str] | None = None) -> Answer:
    """The answer to bytes made by hand, which must come soon."""
    began = time.monotonic()
    with Wire(gateway.url) as wire:
        wire.send(make(wire, gateway.headers if headers is None else headers))
        answer = wire.answer()
    assert time.monotonic() - began < 1
    return answer


def refused(answer: Answer, status: int, reason: str) -> None:
    body = answer.json()
    assert (answer.status, body["reason"]) == (status, reason), body
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(body.get("detail", body.get("error")), str)
    assert "request_id" in body


def posted(target: str, body: bytes, **extra: str) -> Make:
    return lambda wire, headers: (
        wire.head("POST", target, {**headers, "Content-Length": str(len(body)), **extra}) + body
    )


def in_payload(text: bytes) -> bytes:
    return b'{"prompt_components":[{"type":"prompt","payload":{"model":"claude","content":' + text + b"}}]}"


class TestBodies:
    @pytest.mark.parametrize("target", [CODE, EMBEDDINGS])
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"nope",
            b"{",
            b'{"prompt_components":[{}],"content":"x"}}',
            b"\xff\xfe\x00",
            b"\x00" * 100,
            b"\xef\xbb\xbf{}",
            b'{"prompt_components":' + b"[" * 100_000,
            b'{"other":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
            b'{"other":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        ],
        ids=["empty", "word", "half", "tail", "utf16", "nul", "bom", "open", "deep-objects", "deep-arrays"],
    )
    def test_not_json(self, gateway: RunningGateway, target: str, body: bytes) -> None:
        refused(ask(gateway, posted(target, body)), 400, "invalid_json")

    @pytest.mark.parametrize(
        "content",
        [b'"\xff\xfe"', b'"a\x00b"', b'"\\ud800"', b'"a', b"[" * 100_000, b"1e999", b'{"a":\xff}'],
        ids=["utf-8", "nul", "surrogate", "half", "deep", "number", "inner"],
    )
    def test_not_json_inside_a_payload(self, gateway: RunningGateway, content: bytes) -> None:
        refused(ask(gateway, posted(CODE, in_payload(content))), 400, "invalid_json")

    @pytest.mark.parametrize("target", [CODE, EMBEDDINGS])
    @pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"', b"true", b"[" * 100_000])
    def test_not_an_object(self, gateway: RunningGateway, target: str, body: bytes) -> None:
        refused(ask(gateway, posted(target, body)), 422, "wrong_shape")

    def test_escaped_nul_is_text(self, gateway: RunningGateway) -> None:
        assert ask(gateway, posted(CODE, in_payload(b'"a\\u0000b"'))).status == 200

    @pytest.mark.parametrize("target", [CODE, EMBEDDINGS, MESSAGES])
    @pytest.mark.parametrize("way", ["length", "chunked", "length-only"])
    def test_too_large(self, gateway: RunningGateway, upstream: RunningUpstream, target: str, way: str) -> None:
        def make(wire: Wire, headers: dict[str, str]) -> bytes:
            if way == "chunked":
                return wire.head("POST", target, headers | CHUNKED) + b"%x\r\n" % len(BIG) + BIG + b"\r\n0\r\n\r\n"
            head = wire.head("POST", target, headers | {"Content-Length": str(len(BIG))})
            return head if way == "length-only" else head + BIG

        refused(ask(gateway, make), 413, "body_too_large")
        assert upstream.requests() == []

    def test_endless(self, gateway: RunningGateway) -> None:
        """Refused while it still arrives: what has no end cannot be waited for."""
        megabyte = b"x" * (1 << 20)
        with Wire(gateway.url) as wire:
            wire.send(wire.head("POST", CODE, gateway.headers | CHUNKED))
            sent = 0
            while not wire.has_come() and sent < 64:
                wire.send(b"%x\r\n%s\r\n" % (len(megabyte), megabyte))
                sent += 1
            assert sent < 40
            refused(wire.answer(), 413, "body_too_large")

    def test_many_large_bodies_from_strangers(self, gateway: RunningGateway) -> None:
        for _ in range(20):
            answer = ask(gateway, posted(CODE, BIG), headers={})
            assert answer.status == 401

    def test_large_but_allowed(self, gateway: RunningGateway) -> None:
        text = b'"' + b"x" * (9 * 1024 * 1024) + b'"'
        assert ask(gateway, posted(CODE, in_payload(text))).status == 200


class TestHeads:
    @pytest.mark.parametrize(
        "extra",
        [
            {f"x-flood-{number}": "y" for number in range(200)},
            {"x-flood": "y" * 65536},
            {"x-flood": "y" * 1024 * 1024},
            {"y" * 65536: "x"},
            {"Cookie": "a=b; " * 20_000},
        ],
        ids=["many", "64k", "1M", "name", "cookie"],
    )
    def test_floods(self, gateway: RunningGateway, extra: dict[str, str]) -> None:
        make: Make = lambda wire, headers: wire.head("POST", CODE, headers | extra | WHOLE) + GOOD  # noqa: E731
        refused(ask(gateway, make), 431, "headers_too_large")

    @pytest.mark.parametrize("target", ["/" + "a" * 65536, CODE + "?" + "a" * 65536, PROXY + "/a/" + "%2e" * 20_000])
    def test_huge_urls(self, gateway: RunningGateway, target: str) -> None:
        refused(ask(gateway, posted(target, GOOD)), 431, "headers_too_large")

    def test_trailer_floods(self, gateway: RunningGateway) -> None:
        make: Make = lambda wire, headers: (  # noqa: E731
            wire.head("POST", CODE, headers | CHUNKED) + b"1\r\n{\r\n0\r\n" + b"x-a: b\r\n" * 5000 + b"\r\n"
        )
        refused(ask(gateway, make), 431, "headers_too_large")

    @pytest.mark.parametrize(
        "data",
        [
            b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost: x\r\nX A: b\r\n\r\n",
            b"GET /livez HTTP/1.1\nHost: x\n\n",
            b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /livez HTTP/3.0\r\nHost: x\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"\0" * 1000,
        ],
        ids=["nul", "fold", "name", "lf", "blank", "utf-8", "version", "h2", "connect", "tls", "nuls"],
    )
    def test_not_http(self, gateway: RunningGateway, data: bytes) -> None:
        refused(ask(gateway, lambda _, __: data), 400, "invalid_http")

    @pytest.mark.parametrize("value", ["Bearer \xff\xfe", "Bearer", "Bearer a.b.c", "Bearer " + "a." * 9000, "\xff"])
    def test_odd_tokens(self, gateway: RunningGateway, value: str) -> None:
        answer = ask(gateway, posted(CODE, GOOD), headers=gateway.headers | {"Authorization": value})
        assert (answer.status, set(answer.json())) == (401, {"error", "reason", "request_id"})

    @pytest.mark.parametrize("value", ["a" * 5000, "\xff", "a\tb", ""])
    def test_odd_request_ids_are_replaced(self, gateway: RunningGateway, value: str) -> None:
        answer = ask(gateway, posted(CODE, GOOD), headers=gateway.headers | {"X-Request-Id": value})
        assert answer.headers["x-request-id"] != value
        assert answer.headers["x-request-id"].isalnum()

    @pytest.mark.parametrize("value", ["nonsense", "00-" + "g" * 32 + "-x-01", "\xff" * 60, "0" * 20_000])
    def test_odd_trace_parents_do_no_harm(self, gateway: RunningGateway, value: str) -> None:
        answer = ask(gateway, posted(CODE, GOOD), headers=gateway.headers | {"traceparent": value})
        assert answer.status == 200


class TestFraming:
    @pytest.mark.parametrize(
        ("extra", "body"),
        [
            ({"Content-Length": "5", **CHUNKED}, b"0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
            ({**CHUNKED, "Content-Length": "5"}, b"0\r\n\r\n"),
            ({"Content-Length": "5", "content-length": "6"}, b"{}    "),
            ({"Content-Length": "5, 5"}, b"{}   "),
            ({"Content-Length": "-1"}, b""),
            ({"Content-Length": "+2"}, b"{}"),
            ({"Content-Length": "0x2"}, b"{}"),
            ({"Content-Length": "two"}, b"{}"),
            ({"Content-Length": "9" * 30}, b"{}"),
            ({"Transfer-Encoding": "gzip"}, b"{}"),
            ({"Transfer-Encoding": "xchunked"}, b"0\r\n\r\n"),
            ({"Transfer-Encoding": "chunked, identity"}, b"0\r\n\r\n"),
            ({"Transfer-Encoding ": "chunked"}, b"0\r\n\r\n"),
            (CHUNKED, b"zz\r\nabc\r\n0\r\n\r\n"),
            (CHUNKED, b"-5\r\nabcde\r\n0\r\n\r\n"),
            (CHUNKED, b"0x2\r\n{}\r\n0\r\n\r\n"),
            (CHUNKED, b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n"),
            (CHUNKED, b"2\r\nabcde\r\n0\r\n\r\n"),
            (CHUNKED, b"2\n{}\n0\n\n"),
        ],
        ids=repr,
    )
    def test_smuggling(self, gateway: RunningGateway, extra: dict[str, str], body: bytes) -> None:
        """Refused, and nothing that follows on the connection is taken for a request."""
        with Wire(gateway.url) as wire:
            wire.send(wire.head("POST", CODE, gateway.headers | extra) + body)
            answer = wire.answer()
            refused(answer, 400, "invalid_http")
            assert answer.headers["connection"] == "close"
            assert wire.to_end() == b""

    def test_chunks(self, gateway: RunningGateway) -> None:
        body = b"".join(b"%x;ext=1\r\n%s\r\n" % (1, GOOD[at : at + 1]) for at in range(len(GOOD))) + b"0\r\n\r\n"
        make: Make = lambda wire, headers: wire.head("POST", CODE, headers | CHUNKED) + body  # noqa: E731
        assert ask(gateway, make).status == 200

    def test_pipelined_requests_are_answered_in_order(self, gateway: RunningGateway) -> None:
        slow = encode(envelope(prompt("gpt--slow-300")))
        with Wire(gateway.url) as wire:
            for body in (slow, GOOD, b"{}", b"nope", GOOD):
                wire.post(CODE, gateway.headers, body)
            wire.send(wire.head("GET", "/livez", {}))
            answers = [wire.answer() for _ in range(6)]
        assert [answer.status for answer in answers] == [200, 200, 422, 400, 200, 200]
        models = [answers[at].json()["metadata"]["model"] for at in (0, 1, 4)]
        assert models == ["gpt--slow-300", "claude-x", "claude-x"]

    def test_http_1_0(self, gateway: RunningGateway) -> None:
        with Wire(gateway.url) as wire:
            wire.send(wire.head("POST", CODE, gateway.headers | WHOLE, version="1.0") + GOOD)
            answer = wire.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert wire.to_end() == b""

    def test_stream_to_http_1_0(self, gateway: RunningGateway) -> None:
        body = encode(envelope(prompt("claude", stream=True)))
        with Wire(gateway.url) as wire:
            wire.send(wire.head("POST", CODE, {**gateway.headers, "Content-Length": str(len(body))}, "1.0") + body)
            answer = wire.answer()
            assert (answer.status, answer.body + wire.to_end()) == (200, b"Hello from claude-x.")
        assert "transfer-encoding" not in answer.headers

    def test_head_has_no_body(self, gateway: RunningGateway) -> None:
        with Wire(gateway.url) as wire:
            for path, status in (("/livez", 200), ("/", 404), (CODE, 405)):
                wire.send(wire.head("HEAD", path, gateway.headers))
                assert wire.answer(to_head=True).status == status

    def test_expect(self, gateway: RunningGateway) -> None:
        """Told to go on before the body is sent; not told so when it will not be read."""
        with Wire(gateway.url) as wire:
            wire.send(wire.head("POST", CODE, gateway.headers | WHOLE | {"Expect": "100-continue"}))
            assert wire.some() == b"HTTP/1.1 100 Continue\r\n\r\n"
            wire.send(GOOD)
            assert wire.answer().status == 200
        with Wire(gateway.url) as wire:
            wire.send(wire.head("POST", CODE, WHOLE | {"Expect": "100-continue"}))
            assert wire.some().startswith(b"HTTP/1.1 401")


class TestProxyPaths:
    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("anthropic/../v1/messages", "proxy_path_not_allowed"),
            ("anthropic/v1/../v1/messages", "proxy_path_not_allowed"),
            ("anthropic/%2e%2e/v1/messages", "proxy_path_not_allowed"),
            ("anthropic/v1%2fmessages", "proxy_path_not_allowed"),
            ("anthropic/v1%2Fmessages", "proxy_path_not_allowed"),
            ("anthropic/v1%5cmessages", "proxy_path_not_allowed"),
            ("anthropic//v1/messages", "proxy_path_not_allowed"),
            ("anthropic/v1//messages", "proxy_path_not_allowed"),
            ("anthropic/v1/messages/", "proxy_path_not_allowed"),
            ("anthropic/v1/messages%00", "proxy_path_not_allowed"),
            ("anthropic/v1/messages;x=1", "proxy_path_not_allowed"),
            ("anthropic/V1/messages", "proxy_path_not_allowed"),
            ("anthropic/../../generate", "proxy_path_not_allowed"),
            ("anthropic/v1/messages/batches", "proxy_path_not_allowed"),
            ("anthropic/v1/files", "proxy_path_not_allowed"),
            ("anthropic/", "proxy_path_not_allowed"),
            ("openai/v1/models", "proxy_path_not_allowed"),
            ("openai/v1/files", "proxy_path_not_allowed"),
            ("vertex-ai/v1/projects/p/locations/l/publishers/google/models/../x:predict", "proxy_path_not_allowed"),
            ("vertex-ai/v1/projects/p/locations/l/publishers/meta/models/x:rawPredict", "proxy_path_not_allowed"),
            ("vertex-ai/v1/projects/p/locations/l/endpoints/7:predict", "proxy_path_not_allowed"),
            ("vertex-ai/v1/projects/p/locations/l/publishers/google/models/x:y", "proxy_path_not_allowed"),
            ("anthropic", "not_found"),
            ("", "no_such_provider"),
            ("/anthropic/v1/messages", "no_such_provider"),
            ("no-such/v1/messages", "no_such_provider"),
            ("vllm/v1/completions", "no_such_provider"),
            ("echo/v1/messages", "no_such_provider"),
            ("Anthropic/v1/messages", "no_such_provider"),
            ("%61nthropic/v1/messages", "no_such_provider"),
            ("../../livez", "no_such_provider"),
        ],
    )
    def test_nothing_goes_up(self, gateway: RunningGateway, upstream: RunningUpstream, path: str, reason: str) -> None:
        refused(ask(gateway, posted(f"{PROXY}/{path}", b"{}")), 404, reason)
        assert upstream.requests() == []

    def test_only_known_queries_go_up(self, gateway: RunningGateway, upstream: RunningUpstream) -> None:
        body = encode(proxied("anthropic", "claude-x")[2])
        for query in ("beta=true", "key=stolen", "beta=true&x=1"):
            ask(gateway, posted(f"{MESSAGES}?{query}", body, **{"anthropic-version": "2023-06-01"}))
        assert [request["query"] for request in upstream.requests()] == ["beta=true", "", ""]

    def test_provider_refuses_what_is_not_json(self, gateway: RunningGateway) -> None:
        """Bytes through: it is the provider who says so, in its own words."""
        answer = ask(gateway, posted(MESSAGES, b"\xff[", **{"anthropic-version": "2023-06-01"}))
        assert (answer.status, answer.json()["type"]) == (400, "error")


class TestSlowClients:
    @pytest.fixture(scope="class")
    @classmethod
    def strict(cls, gateway: RunningGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        """Another router of the same gateway, which waits half a second for a request."""
        folder = tmp_path_factory.mktemp("strict")
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as metrics:
            settings = {
                "AIGW_READ_TIMEOUT": "0.5",
                "AIGW_TABLE_FILE": str(gateway.run_directory / "table.json"),
                "AIGW_INTERNAL_KEY_FILE": str(gateway.run_directory / "internal.key"),
                "AIGW_AUTH_URL": gateway.ready["services"]["auth"]["url"],
                "AIGW_LISTEN_FD": str(listener.fileno()),
                "AIGW_METRICS_FD": str(metrics.fileno()),
            }
            fds = (listener.fileno(), metrics.fileno())
            with (folder / "log").open("wb") as log, _router(environment(folder, settings), fds, log) as process:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                until(lambda: _ready(url), 20, "the strict router is ready")
                yield url
                process.terminate()
                process.wait(10)

    def test_stalled(self, gateway: RunningGateway, strict: str, measured: Measured) -> None:
        with Wire(strict) as wire:
            stalled = {
                "nothing": b"",
                "half_a_head": b"POST /v3/code/completions HTTP/1.1\r\nHost: x\r\nX-A:",
                "half_a_body": wire.head("POST", CODE, gateway.headers | WHOLE) + b"{",
                "half_a_chunk": wire.head("POST", CODE, gateway.headers | CHUNKED) + b"5\r\n{",
            }
        with ThreadPoolExecutor(len(stalled)) as pool:
            for name, seconds in zip(stalled, pool.map(partial(_until_closed, strict), stalled.values()), strict=True):
                measured(f"{name}_seconds", seconds)
                assert 0.4 < seconds < 3, name

    def test_a_byte_now_and_then(self, gateway: RunningGateway, strict: str) -> None:
        """What counts is the whole time, not the time between two bytes."""
        began = time.monotonic()
        with Wire(strict) as wire:
            wire.send(wire.head("POST", CODE, gateway.headers | WHOLE))
            while time.monotonic() - began < 0.8:
                wire.send(b" ")
                time.sleep(0.1)
            refused(wire.answer(), 408, "request_timeout")

    def test_who_is_answered_must_stop_sending(self, strict: str) -> None:
        """401 before the body was read; the rest of it is not waited for without end."""
        with Wire(strict) as wire:
            wire.send(wire.head("POST", CODE, {"Content-Length": "1000000"}) + b"{")
            assert wire.answer().status == 401
            assert wire.to_end() == b""

    def test_idle_connections_may_wait(self, strict: str) -> None:
        """Between two requests nobody is slow."""
        with Wire(strict) as wire:
            for pause in (2.0, 0.0):
                wire.send(wire.head("GET", "/livez", {}))
                assert wire.answer().status == 200
                time.sleep(pause)

    def test_slow_reader_costs_little_memory(self, gateway: RunningGateway, upstream: RunningUpstream) -> None:
        """Fifty megabytes for a client that reads nothing: what no socket takes waits at the upstream."""
        path, headers, body = proxied("openai", "gpt--chunks-2000--bytes-50000000", stream=True)
        pids = gateway.pids()
        before = {name: resident_bytes(pids[name]) for name in ("router", "provider-openai")}
        with Wire(gateway.url) as wire:
            wire.post(path, gateway.headers | headers, encode(body))
            upstream.wait_for("started", body["model"], within=5)
            time.sleep(1)
            for name, was in before.items():
                assert resident_bytes(pids[name]) - was < 10 * 1024 * 1024
        assert upstream.wait_for("disconnected", body["model"])["chunks_sent"] < 2000


def _until_closed(url: str, data: bytes) -> float:
    """Seconds until a client that stalls is told so and its connection is closed."""
    began = time.monotonic()
    with Wire(url) as wire:
        wire.send(data)
        refused(wire.answer(), 408, "request_timeout")
        assert wire.to_end() == b""
    return time.monotonic() - began


def _router(settings: dict[str, str], fds: tuple[int, ...], log: Any) -> "subprocess.Popen[bytes]":
    for fd in fds:
        os.set_inheritable(fd, True)
    command = [sys.executable, "-m", "aigw_router"]
    return subprocess.Popen(command, env=settings, pass_fds=fds, stdout=log, stderr=log, cwd=Path(__file__).parent)


def _ready(url: str) -> bool:
    try:
        return fetch(f"{url}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def test_no_service_has_complained(gateway: RunningGateway) -> None:
    """Whatever was sent above: no exception, and no 5xx."""
    for name, log in gateway.logs().items():
        for line in map(json.loads, log.splitlines()):
            assert line["level"] in ("INFO", "DEBUG", "WARNING"), (name, line)
