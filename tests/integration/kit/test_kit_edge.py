# SPDX-License-Identifier: Apache-2.0
"""The edge of a service over real sockets: answers, refusals, failures, ids, access log, metrics, and who may ask."""

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from aigw_kit.guard import InternalKey
from aigw_kit.protocol import EdgeProtocol
from integration.kit.edging import FLOOD, Client, RunningEdge, request

pytestmark = pytest.mark.integration

TRACE = b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class CountingTransport:
    """Stands before a transport and counts what is written."""

    def __init__(self, transport: Any, writes: list[bytes]) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, data: bytes) -> None:
        self._writes.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Each write of the server, which is a system call and a packet."""
    found: list[bytes] = []
    made = EdgeProtocol.connection_made

    def connection_made(self: EdgeProtocol, transport: Any) -> None:
        counting: Any = CountingTransport(transport, found)
        made(self, counting)

    monkeypatch.setattr(EdgeProtocol, "connection_made", connection_made)
    return found


class TestAnswers:
    async def test_head_and_body_are_one_write(self, edge: RunningEdge, writes: list[bytes]) -> None:
        client = await edge.connect()
        await client.post(b"/echo", b"12345", b"x-request-id: abc")
        head, body = await client.answer()
        assert (head.status, body) == (200, b'{"bytes":5}')
        assert head.headers.pop(b"date")
        assert head.headers == {
            b"content-type": b"application/json",
            b"content-length": b"11",
            b"x-request-id": b"abc",
        }
        assert len(writes) == 1

    async def test_a_refusal_is_one_write_too(self, edge: RunningEdge, writes: list[bytes]) -> None:
        client = await edge.connect()
        await client.post(b"/refuse")
        await client.answer()
        assert len(writes) == 1

    async def test_a_chunk_is_one_write(self, edge: RunningEdge, writes: list[bytes]) -> None:
        client = await edge.connect()
        edge.endpoints.go_on.set()
        await client.post(b"/stream")
        assert (await client.until(b"0\r\n\r\n")).endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        assert [write for write in writes if b"HTTP/1.1" not in write] == [
            b"3\r\none\r\n",
            b"3\r\ntwo\r\n",
            b"0\r\n\r\n",
        ]

    async def test_many_on_one_connection(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        for size in (0, 1, 1000):
            await client.post(b"/echo", b"x" * size)
            assert await client.json() == (200, {"bytes": size})

    async def test_requests_that_did_not_wait_for_an_answer(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"".join(request(b"/echo", b"x" * size) for size in range(6)))
        assert [(await client.json())[1]["bytes"] for _ in range(6)] == list(range(6))

    async def test_after_connection_close_it_is_closed(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.post(b"/echo", b"", b"connection: close")
        head, _ = await client.answer()
        assert head.headers[b"connection"] == b"close"
        assert await client.rest() == b""

    async def test_an_old_client(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.0\r\ncontent-length: 2\r\n\r\nab")
        assert (await client.json())[1] == {"bytes": 2}
        assert await client.rest() == b""

    async def test_a_stream_to_an_old_client_is_not_in_chunks(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        edge.endpoints.go_on.set()
        await client.send(b"POST /stream HTTP/1.0\r\ncontent-length: 0\r\n\r\n")
        head = await client.head()
        assert head.headers[b"connection"] == b"close"
        assert b"transfer-encoding" not in head.headers
        assert await client.rest() == b"onetwo"

    async def test_head_has_no_body(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"HEAD /echo HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await client.head()).status == 405
        await client.post(b"/echo", b"x")
        assert await client.json() == (200, {"bytes": 1})

    async def test_a_reader_that_is_slow_gets_all(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(request(b"/large") * 2)
        await asyncio.sleep(0.05)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(2):
            _, body = await client.answer()
            assert len(body) == 5_000_000

    async def test_a_body_in_many_pieces(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(*[bytes([byte]) for byte in request(b"/echo", b"abc")], apart=0)
        assert await client.json() == (200, {"bytes": 3})
        assert edge.endpoints.bodies == [b"abc"]

    async def test_a_chunked_body(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        head = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        await client.send(head, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n")
        assert await client.json() == (200, {"bytes": 5})

    async def test_expect_100_continue(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"abc")
        assert await client.json() == (200, {"bytes": 3})

    async def test_an_offer_to_upgrade_is_passed_over(self, edge: RunningEdge) -> None:
        """Java's HttpClient (and so the IDEs built on it) offers h2c with its first request."""
        client = await edge.connect()
        offer = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAEAAEAAAAIAAAAB")
        for _ in range(2):
            await client.post(b"/echo", b"abc", *offer)
            assert await client.json() == (200, {"bytes": 3})


class TestRefusals:
    async def test_a_refusal(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.post(b"/refuse", b"", b"x-request-id: abc")
        head, body = await client.answer()
        assert head.status == 404
        assert head.headers[b"retry-after"] == b"2"
        assert head.headers[b"content-type"] == b"application/json"
        detail = {"detail": "There is no such thing", "reason": "no_such_thing", "request_id": "abc"}
        assert json.loads(body) == detail
        await client.post(b"/echo")
        assert (await client.json())[0] == 200, "the connection can be used on"

    @pytest.mark.parametrize(
        ("method", "path", "status", "reason"),
        [
            (b"GET", b"/echo", 405, "method_not_allowed"),
            (b"DELETE", b"/below/x", 405, "method_not_allowed"),
            (b"POST", b"/none", 404, "not_found"),
            (b"POST", b"/echo/", 404, "not_found"),
            (b"POST", b"/below", 404, "not_found"),
            (b"POST", b"/livez", 405, "method_not_allowed"),
            (b"GET", b"/cold/missing", 404, "no_page"),
        ],
    )
    async def test_what_is_not_there(
        self, edge: RunningEdge, method: bytes, path: bytes, status: int, reason: str
    ) -> None:
        client = await edge.connect()
        await client.send(method + b" " + path + b" HTTP/1.1\r\nhost: a\r\nx-request-id: abc\r\n\r\n")
        head, text = await client.answer()
        body = json.loads(text)
        assert (head.status, body["reason"], body["request_id"]) == (status, reason, "abc")
        assert (b"allow" in head.headers) == (status == 405)
        assert "Traceback" not in body["detail"]

    async def test_paths_below(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        for path in (b"/below/", b"/below/a/b%20c"):
            await client.post(path)
            assert (await client.answer())[1] == path.replace(b"%20", b" ")

    async def test_a_probe(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"GET /livez HTTP/1.1\r\nhost: a\r\nx-request-id: abc\r\n\r\n")
        head, body = await client.answer()
        assert (head.status, head.headers[b"x-request-id"], json.loads(body)) == (200, b"abc", {"status": "ok"})


class TestFailures:
    """Our own faults: told in one line of the log, and never to the caller."""

    @pytest.fixture(autouse=True)
    def logged(self, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
        caplog.set_level(logging.INFO)
        return caplog

    @pytest.mark.parametrize("target", [b"POST /fail", b"GET /cold/broken"])
    async def test_before_an_answer(self, edge: RunningEdge, logged: pytest.LogCaptureFixture, target: bytes) -> None:
        client = await edge.connect()
        await client.send(target + b" HTTP/1.1\r\nhost: a\r\nx-request-id: abc\r\n\r\n")
        head, body = await client.answer()
        assert head.status == 500
        assert b"sesame" not in body
        assert b"Traceback" not in body
        assert head.headers[b"x-request-id"] == b"abc"

        def ours() -> list[str]:
            return [record.getMessage() for record in logged.records if record.name.startswith("aigw")]

        await edge.until(ours)
        assert ours() == ["the request failed"]

    async def test_our_own_words_for_it(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.post(b"/fail", b"", b"x-request-id: abc")
        expected = {"detail": "Internal error", "reason": "internal_error", "request_id": "abc"}
        assert await client.json() == (500, expected)

    @pytest.mark.parametrize("path", [b"/fail_late", b"/refuse_late", b"/cut"])
    async def test_within_an_answer_there_is_no_clean_end(self, edge: RunningEdge, path: bytes) -> None:
        client = await edge.connect()
        await client.post(path)
        received = await client.rest()
        assert received.endswith(b"\r\n\r\n3\r\none\r\n")
        assert b"sesame" not in received


class TestIds:
    @pytest.mark.parametrize("given", [b"abc", b"A-1_2.3:4/5 6", b"x" * 128])
    async def test_the_caller_s_id_is_kept(self, edge: RunningEdge, given: bytes) -> None:
        client = await edge.connect()
        await client.post(b"/echo", b"", b"x-request-id: " + given)
        head, _ = await client.answer()
        assert head.headers[b"x-request-id"] == given
        assert (await edge.line())["request_id"] == given.decode()

    @pytest.mark.parametrize("given", [b"", b"x" * 129, b"\xc3\xa4", b"a\tb"])
    async def test_what_is_no_id_is_replaced(self, edge: RunningEdge, given: bytes) -> None:
        client = await edge.connect()
        await client.post(b"/echo", b"", b"x-request-id: " + given)
        head, _ = await client.answer()
        assert re.fullmatch(rb"[0-9a-f]{32}", head.headers[b"x-request-id"])

    async def test_without_one_each_request_gets_its_own(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        ids = set()
        for path in (b"/echo", b"/none", b"/refuse", b"/fail", b"/large"):
            await client.post(path)
            ids.add((await client.answer())[0].headers[b"x-request-id"])
        await client.post(b"/cut")
        ids.add((await client.head()).headers[b"x-request-id"])
        assert len(ids) == 6


class TestAccessLog:
    async def test_a_line(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.post(b"/echo?token=sesame", b"sesame", b"x-request-id: abc", b"authorization: sesame", TRACE)
        await client.answer()
        line = await edge.line()
        assert isinstance(line.pop("time"), float)
        assert 0 < line.pop("duration_s") < 1
        assert line == {
            "level": "INFO",
            "logger": "access",
            "service": "test",
            "request_id": "abc",
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "method": "POST",
            "path": "/echo",
            "status": 200,
            "model": "m",
        }

    @pytest.mark.parametrize(
        ("path", "status", "more"),
        [
            (b"/refuse", 404, {"reason": "no_such_thing"}),
            (b"/none", 404, {}),
            (b"/fail", 500, {"reason": "internal_error"}),
            (b"/cut", 200, {"cut": True}),
            (b"/refuse_late", 200, {"reason": "not_found"}),
            (b"/none%0A%22%7B", 404, {"path": '/none\n"{'}),
        ],
    )
    async def test_other_ends(self, edge: RunningEdge, path: bytes, status: int, more: dict[str, Any]) -> None:
        client = await edge.connect()
        await client.post(path)
        await client.head()
        line = await edge.line()
        assert line["status"] == status
        assert {name: line[name] for name in more} == more

    async def test_no_body_header_or_query_is_in_any_line(
        self, edge: RunningEdge, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        headers = [b"authorization: Bearer sesame", b"cookie: sesame", b"x-api-key: sesame", b"x-gitlab-token: sesame"]
        for path in (b"/echo", b"/refuse", b"/fail", b"/none", b"/cut", b"/fail_late"):
            client = await edge.connect()
            await client.post(path + b"?key=sesame", b'{"prompt": "sesame"}', *headers)
            await client.head()
        await edge.until(lambda: len(edge.lines()) == 6)
        assert "sesame" not in json.dumps(edge.lines())
        told = [record.getMessage() for record in caplog.records if record.name.startswith("aigw")]
        assert "sesame" not in "".join(told)


class TestMetrics:
    def count(self, handler: str, method: str, status: str) -> float:
        labels = {"handler": handler, "method": method, "status": status}
        return REGISTRY.get_sample_value("aigw_request_duration_seconds_count", labels) or 0.0

    def in_flight(self) -> float | None:
        return REGISTRY.get_sample_value("aigw_requests_in_flight")

    @pytest.mark.parametrize(
        ("method", "path", "labels"),
        [
            (b"POST", b"/echo", ("/echo", "POST", "2xx")),
            (b"POST", b"/below/some/thing", ("/below/", "POST", "2xx")),
            (b"POST", b"/refuse", ("/refuse", "POST", "4xx")),
            (b"POST", b"/fail", ("/fail", "POST", "5xx")),
            (b"POST", b"/made/up/by/the/caller", ("other", "any", "4xx")),
            (b"MKCOL", b"/livez", ("other", "any", "4xx")),
        ],
    )
    async def test_requests_are_counted(
        self, edge: RunningEdge, method: bytes, path: bytes, labels: tuple[str, str, str]
    ) -> None:
        """By what the service knows, never by what a caller makes up: label sets stay closed."""
        before = self.count(*labels)
        client = await edge.connect()
        await client.send(method + b" " + path + b" HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
        await client.answer()
        await edge.until(lambda: self.count(*labels) == before + 1)

    async def test_a_method_that_a_hot_endpoint_does_not_take(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"PROPFIND /echo HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await client.json())[0] == 405

    async def test_refusals_are_counted_by_reason(self, edge: RunningEdge) -> None:
        def count() -> float:
            return REGISTRY.get_sample_value("aigw_refusals_total", {"reason": "no_such_thing"}) or 0.0

        before = count()
        client = await edge.connect()
        await client.post(b"/refuse")
        await client.answer()
        assert count() == before + 1

    async def test_what_is_in_flight(self, edge: RunningEdge) -> None:
        before = self.in_flight()
        assert before is not None
        client = await edge.connect()
        await client.post(b"/wait")
        await edge.until(lambda: self.in_flight() == before + 1)
        edge.endpoints.go_on.set()
        await client.answer()
        await edge.until(lambda: self.in_flight() == before)


class TestGuard:
    KEY = "0123456789abcdef"

    @pytest.fixture
    async def guarded(self, tmp_path: Path) -> Any:
        path = tmp_path / "internal.key"
        path.write_text(self.KEY)
        async with RunningEdge(tmp_path / "guarded.log").running(InternalKey(str(path)).require) as running:
            yield running

    async def test_with_the_key(self, guarded: RunningEdge) -> None:
        client = await guarded.connect()
        await client.post(b"/echo", b"abc", b"x-aigw-internal-key: " + self.KEY.encode())
        assert await client.json() == (200, {"bytes": 3})

    @pytest.mark.parametrize("header", [b"x: y", b"x-aigw-internal-key:", b"x-aigw-internal-key: 0123456789abcdeF"])
    async def test_without_it(self, guarded: RunningEdge, header: bytes) -> None:
        client = await guarded.connect()
        await client.post(b"/echo", b"abc", header)
        status, body = await client.json()
        assert (status, body["reason"]) == (401, "internal_credential_required")
        assert guarded.endpoints.bodies == []

    async def test_it_does_not_wait_for_a_body(self, guarded: RunningEdge) -> None:
        client = await guarded.connect()
        await client.send(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n")
        assert (await client.json())[0] == 401

    async def test_probes_need_no_key(self, guarded: RunningEdge) -> None:
        client = await guarded.connect()
        await client.send(b"GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await client.json())[0] == 200


async def test_the_client_by_hand_reads_answers(edge: RunningEdge) -> None:
    client: Client = await edge.connect()
    await client.post(b"/below/x")
    head, body = await client.answer()
    assert (head.status, body) == (200, b"/below/x")


async def test_an_answer_without_a_content_type_is_not_given_one(edge: RunningEdge) -> None:
    """As a provider may send it through the proxies."""
    client = await edge.connect()
    await client.post(b"/untyped")
    head, body = await client.answer()
    assert (b"content-type" in head.headers, body) == (False, b"bytes")


class TestWritingFromOutside:
    """`write_now`, as upstreams' callbacks use it: what cannot be written at once is not lost."""

    async def test_what_is_held_goes_out_with_the_end(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.send(b"POST /poured HTTP/1.0\r\ncontent-length: 0\r\n\r\n")
        await client.head()
        assert await client.rest() == b"onetwothree"

    async def test_in_chunks(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        await client.post(b"/poured")
        await client.head()
        assert await client.until(b"0\r\n\r\n") == b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"

    async def test_a_reader_that_is_slow_gets_all_in_order(self, edge: RunningEdge) -> None:
        client = await edge.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.post(b"/flood")
        await edge.until(lambda: ("/flood", "waits") in edge.endpoints.seen)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await client.head()
        for number in range(FLOOD):
            assert await client.until(b"\r\n") == b"10000\r\n"
            assert int((await client.until(b"\r\n"))[-10:]) == number
        assert await client.until(b"\r\n\r\n") == b"0\r\n\r\n"
