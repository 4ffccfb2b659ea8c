# SPDX-License-Identifier: Apache-2.0
"""Log lines: JSON, one a line, with the ids of the request, and never a body."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from aigw_kit import logs
from aigw_kit.logs import AccessLog, JsonFormatter, request_ids

BODY = b'{"prompt": "sesame, open"}'


def line_of(record: logging.LogRecord) -> dict[str, Any]:
    text = JsonFormatter("router").format(record)
    assert "\n" not in text
    line: dict[str, Any] = json.loads(text)
    return line


def record_of(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("aigw.test", logging.WARNING, __file__, 1, message, arguments, more.get("exc_info"))


class TestFormatter:
    def test_a_line(self) -> None:
        line = line_of(record_of("%s of %d", "one", 2))
        time = line.pop("time")
        assert time.endswith("+00:00")
        assert line == {"level": "WARNING", "service": "router", "logger": "aigw.test", "message": "one of 2"}

    def test_the_ids_of_the_request(self) -> None:
        token = request_ids.set(("req-1", "trace-1"))
        try:
            line = line_of(record_of("x"))
        finally:
            request_ids.reset(token)
        assert (line["request_id"], line["trace_id"]) == ("req-1", "trace-1")
        assert "request_id" not in line_of(record_of("x"))

    def test_a_line_break_in_a_message_makes_no_second_line(self) -> None:
        assert line_of(record_of('a\n{"level": "INFO"}'))["message"] == 'a\n{"level": "INFO"}'

    def test_an_exception_names_its_class_and_place_and_no_local_value(self) -> None:
        def fail(body: bytes) -> None:
            raise ValueError("the body could not be read")

        try:
            fail(BODY)
        except ValueError:
            line = line_of(record_of("failed", exc_info=sys.exc_info()))
        assert line["exception"] == "ValueError"
        assert "in fail" in line["traceback"]
        assert "sesame" not in json.dumps(line)

    def test_attributes_that_a_caller_adds_are_not_written(self) -> None:
        """`extra` is where a body would slip in."""
        record = record_of("x")
        record.__dict__.update(body=BODY, headers={"authorization": "Bearer sesame"}, request=BODY)
        assert "sesame" not in json.dumps(line_of(record))


class TestConfigure:
    @pytest.fixture(autouse=True)
    def as_it_was(self) -> Iterator[None]:
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        levels = {name: logging.getLogger(name).level for name in ("uvicorn.error", "httpx", "httpcore")}
        yield
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, known in levels.items():
            logging.getLogger(name).setLevel(known)

    def test_everything_goes_to_stdout_as_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("auth", "INFO")
        logging.getLogger("a.b").info("hello")
        logging.getLogger("a.b").debug("too much")
        logging.getLogger("httpx").info("HTTP Request: POST https://issuer/?token=sesame")
        logging.getLogger("uvicorn.error").error("Exception in ASGI application")
        out, err = capsys.readouterr()
        assert err == ""
        assert [json.loads(line)["message"] for line in out.splitlines()] == ["hello"]


class TestAccessLog:
    @pytest.fixture
    def pipe(self) -> Iterator[tuple[int, int]]:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        yield reading, writing
        os.close(reading)
        os.close(writing)

    async def test_lines_are_gathered_and_written_together(
        self, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logs, "FLUSH_SECONDS", 0.001)
        log = AccessLog("router", pipe[1])
        for status in (200, 503):
            log.write({"status": status})
        with pytest.raises(BlockingIOError):
            os.read(pipe[0], 1)
        await asyncio.sleep(0.02)
        lines = [json.loads(line) for line in os.read(pipe[0], 65536).splitlines()]
        assert [(line["status"], line["service"]) for line in lines] == [(200, "router"), (503, "router")]
        assert all(isinstance(line["time"], float) for line in lines)

    async def test_many_lines_do_not_wait(self, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logs, "FLUSH_LINES", 2)
        log = AccessLog("router", pipe[1])
        log.write({"path": "x"})
        with pytest.raises(BlockingIOError):
            os.read(pipe[0], 1)
        log.write({"path": "y"})
        assert len(os.read(pipe[0], 65536).splitlines()) == 2
        log.flush()  # nothing is left: writes nothing
        with pytest.raises(BlockingIOError):
            os.read(pipe[0], 1)

    async def test_a_line_that_cannot_be_written_takes_no_other_with_it(self, pipe: tuple[int, int]) -> None:
        log = AccessLog("router", pipe[1])
        for path in ("/a", object(), "/b"):
            log.write({"path": path})
        log.flush()
        lines = [json.loads(line) for line in os.read(pipe[0], 65536).splitlines()]
        assert [line.get("path") for line in lines] == ["/a", None, "/b"]
        assert lines[1]["message"] == "a line could not be written: TypeError"
