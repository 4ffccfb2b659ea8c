# SPDX-License-Identifier: Apache-2.0
"""JSON lines on stdout: the standard logging module for the rare, a batching writer for the access log.

No body and no secret is ever handed to a logger; a test looks for both.
"""

import asyncio
import contextvars
import logging
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

from msgspec import json

FLUSH_SECONDS = 0.05
FLUSH_LINES = 200

request_ids: contextvars.ContextVar[tuple[str, str]] = contextvars.ContextVar("request_ids", default=("", ""))
"""Request id and trace id of the request that is being served."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, ids, the exception's class and where it was raised."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        request_id, trace_id = request_ids.get()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id:
            line |= {"request_id": request_id, "trace_id": trace_id}
        if record.exc_info and record.exc_info[0]:
            line |= {"exception": record.exc_info[0].__name__, "traceback": self.formatException(record.exc_info)}
        return json.encode(line).decode()


def configure(service: str, level: str) -> None:
    """Send all logging to stdout as JSON. uvicorn's own start and stop lines are not wanted."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class AccessLog:
    """Writes one line a request, several lines a system call: at most 50 ms or 200 lines late."""

    def __init__(self, service: str, fd: int | None = None) -> None:
        self._service = service
        self._fd = sys.stdout.fileno() if fd is None else fd
        self._lines: list[dict[str, Any]] = []
        self._encoder = json.Encoder()

    def write(self, fields: dict[str, Any]) -> None:
        """`fields` are added to time and service. Floats are seconds."""
        fields["time"] = round(time.time(), 3)
        fields["service"] = self._service
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._lines.append(fields)
        if len(self._lines) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            data = self._encoder.encode_lines(lines)
        except (TypeError, ValueError):  # one that cannot be encoded must not take the others with it
            data = b"".join(map(self._alone, lines))
        while data:
            data = data[os.write(self._fd, data) :]

    def _alone(self, line: dict[str, Any]) -> bytes:
        try:
            return self._encoder.encode_lines([line])
        except (TypeError, ValueError) as error:
            message = f"a line could not be written: {type(error).__name__}"
            told = {"level": "ERROR", "logger": "access", "message": message}
            return self._encoder.encode_lines([told | {key: line[key] for key in ("time", "service")}])
