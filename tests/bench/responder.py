# SPDX-License-Identifier: Apache-2.0
"""The upstream of the bench: the scripted upstream's answers, made once and written back with hardly any work.

It must be cheaper than nginx, or nginx would be measured while it waits. It reads no more of a request than where it
ends and whether it asks for a stream; paths that end in /chat/completions get OpenAI's format, all others Anthropic's.
"""

import argparse
import asyncio
import json
import os
import re
from pathlib import Path
from typing import NamedTuple, cast

import uvloop

from aigw_kit.serve import bind
from upstream import anthropic_messages, openai_chat
from upstream.answer import answer_to
from upstream.wire import Streamed, Whole

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STREAM = re.compile(rb'"stream": ?true')


class Answers(NamedTuple):
    """Of one format: the whole answer, and the pieces of a streamed one, all as they stand on the wire."""

    whole: bytes
    pieces: tuple[bytes, ...]


def model(chunks: int, size: int) -> str:
    """A model name that the scripted upstream answers with `size` characters, streamed in `chunks` pieces."""
    return f"claude-bench--chunks-{chunks}--bytes-{size}"


def text(chunks: int, size: int) -> str:
    """What that model says."""
    return answer_to(model(chunks, size), []).text


def events(chunks: int, size: int) -> bytes:
    """The body of the streamed answer in Anthropic's format."""
    return b"".join(_events(_anthropic(chunks, size, streaming=True)))


def _anthropic(chunks: int, size: int, *, streaming: bool) -> Whole | Streamed:
    return anthropic_messages.give({}, model(chunks, size), streaming)


def _openai(chunks: int, size: int, *, streaming: bool) -> Whole | Streamed:
    return openai_chat.give({}, model(chunks, size), streaming)


def _events(streamed: Whole | Streamed) -> list[bytes]:
    """What comes before the first content goes with it, as providers send it."""
    answer = cast(Streamed, streamed)
    first = answer.prelude + answer.opening + answer.content[0]
    return [first, *answer.content[1:], answer.closing]


def _answers(whole: Whole | Streamed, streamed: Whole | Streamed) -> Answers:
    body = cast(Whole, whole).body
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"
    pieces = [b"%x\r\n%s\r\n" % (len(event), event) for event in _events(streamed)]
    pieces[0] = head % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n" + pieces[0]
    pieces[-1] += b"0\r\n\r\n"
    return Answers(head % b"application/json" + b"content-length: %d\r\n\r\n%s" % (len(body), body), tuple(pieces))


class Responder(asyncio.Protocol):
    """`formats`: Anthropic's answers and OpenAI's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, formats: tuple[Answers, Answers], pace: float) -> None:
        self._loop = loop
        self._formats = formats
        self._pace = pace
        self._buffer = b""
        self._transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = LENGTH.search(self._buffer, 0, end + 2)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < whole:
            return
        line = self._buffer[: self._buffer.find(b"\r\n")]
        answers = self._formats[b"/chat/completions " in line]
        streaming = STREAM.search(self._buffer, end) is not None
        self._buffer = self._buffer[whole:]
        if streaming:
            self._send(answers.pieces, 0)
        else:
            self._transport.write(answers.whole)

    def _send(self, pieces: tuple[bytes, ...], at: int) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(pieces[at])
        if at + 1 < len(pieces):
            self._loop.call_later(self._pace, self._send, pieces, at + 1)


async def serve(ready_file: Path, chunks: int, size: int, pace: float) -> None:
    """Until the process is ended."""
    formats = (
        _answers(_anthropic(chunks, size, streaming=False), _anthropic(chunks, size, streaming=True)),
        _answers(_openai(chunks, size, streaming=False), _openai(chunks, size, streaming=True)),
    )
    loop = asyncio.get_running_loop()
    listener = bind("127.0.0.1", 0)
    server = await loop.create_server(lambda: Responder(loop, formats, pace), sock=listener)
    partial = ready_file.with_suffix(".partial")
    partial.write_text(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}", "pid": os.getpid()}))
    partial.replace(ready_file)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.responder")
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--chunks", type=int, default=50)
    parser.add_argument("--size", type=int, default=650)
    parser.add_argument("--pace-ms", type=float, default=20.0)
    asked = parser.parse_args()
    uvloop.run(serve(asked.ready_file, asked.chunks, asked.size, asked.pace_ms / 1000))


if __name__ == "__main__":
    main()
