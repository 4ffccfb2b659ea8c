# SPDX-License-Identifier: Apache-2.0
"""A provider without a network, for demonstrations and tests: it answers with what it was asked.

The model's id scripts what happens, in parts after a double dash (`echo--slow-200--cut-3`):

| part         | effect                                                               |
|--------------|----------------------------------------------------------------------|
| `slow-N`     | nothing for N milliseconds                                           |
| `pace-N`     | N milliseconds between two pieces of a stream                        |
| `fail-N`     | the HTTP status N, as an upstream would send it                      |
| `cut-N`      | the connection is lost after N pieces of a stream (N = 0: before any) |
| `error-N`    | an error in the stream after N pieces                                |
| `hang`       | no answer at all                                                     |
"""

import asyncio
import re
from collections.abc import AsyncIterator

import msgspec

from aigw_contract.calls import Answer, Broken, Call, Delta, EmbedCall, Embeddings, End, Frame, Usage
from aigw_contract.errors import UNREADABLE
from aigw_contract.failures import Failure
from aigw_kit.http import ConnectionCut, TimedOut
from aigw_kit.http.response import Sink
from aigw_providers.adapter import Adapter, Decoder, Headers, UpstreamRequest, decode_as
from aigw_providers.relay import Upstream, UpstreamStream

DIMENSIONS = 8
_SCRIPT = re.compile(r"--(slow|pace|fail|cut|error|hang)(?:-([0-9]+))?")
_PIECE = re.compile(r"\S+\s*|\s+")


class Echo(Adapter):
    embeds = True
    needs_credential = False

    def encode(self, call: Call | EmbedCall) -> UpstreamRequest:
        return UpstreamRequest(call.model.encode(), [], msgspec.json.encode(call))

    def decode(self, call: Call | EmbedCall, body: bytes) -> Answer | Embeddings:
        answer: Answer | Embeddings = decode_as(Answer if isinstance(call, Call) else Embeddings, body)
        return answer

    def decoder(self, call: Call) -> Decoder:
        return EchoDecoder()


class EchoDecoder(Decoder):
    """One frame a line."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Frame]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        try:
            return [msgspec.json.decode(line, type=Frame) for line in lines]
        except UNREADABLE:
            return [Broken(Failure("cut", "a line of the stream could not be read"))]


class EchoUpstream(Upstream):
    """Plays the script that the model's id spells."""

    async def send(self, request: UpstreamRequest, timeout: float) -> tuple[int, Headers, bytes]:
        script = script_of(request.target)
        await _delay(script, timeout)
        if "cut" in script:
            raise ConnectionCut("cut by the script")
        if "fail" in script:
            return script["fail"], [], b"{}"
        return 200, [], msgspec.json.encode(_answer(request.body))

    async def stream(self, request: UpstreamRequest, timeout: float) -> UpstreamStream:
        script = script_of(request.target)
        await _delay(script, timeout)
        if script.get("cut") == 0:
            raise ConnectionCut("cut by the script")
        call = msgspec.json.decode(request.body, type=Call)
        return EchoStream(script.get("fail", 200), _frames(call, script))


class EchoStream:
    def __init__(self, status: int, chunks: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers: Headers = []
        self._chunks = chunks

    complete = False

    async def chunk(self) -> bytes:
        return await anext(self._chunks, b"")

    async def pump(self, sink: Sink) -> bool:
        while chunk := await self.chunk():
            if not sink(chunk):
                return False
        return True

    def take(self) -> bytes:
        return b""

    def allow_silence(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        pass


def script_of(model: bytes) -> dict[str, int]:
    """`b"echo--slow-200--hang"` -> `{"slow": 200, "hang": 0}`."""
    return {verb: int(number or 0) for verb, number in _SCRIPT.findall(model.decode("utf-8", "replace"))}


def echo_of(call: Call) -> str:
    """The last line that is not blank before the cursor or in the last message, after `echo: `."""
    asked = call.fim.prefix if call.fim else (call.messages[-1].content if call.messages else "")
    lines = [line.strip() for line in asked.splitlines() if line.strip()]
    return f"echo: {lines[-1][:400] if lines else ''}"


def _answer(body: bytes) -> Answer | Embeddings:
    asked = msgspec.json.decode(body)
    if "inputs" in asked:
        embed = msgspec.convert(asked, EmbedCall)
        return Embeddings([_vector(text) for text in embed.inputs], Usage(_tokens(" ".join(embed.inputs)), 0))
    call = msgspec.convert(asked, Call)
    text = echo_of(call)
    return Answer(text, "stop", Usage(_tokens_in(call), _tokens(text)))


def _vector(text: str) -> list[float]:
    """Numbers that depend on the text and on nothing else."""
    data = text.encode() or b"\0"
    return [round(sum(data[at::DIMENSIONS]) % 251 / 251, 6) for at in range(DIMENSIONS)]


async def _frames(call: Call, script: dict[str, int]) -> AsyncIterator[bytes]:
    text = echo_of(call)
    for at, piece in enumerate(_PIECE.findall(text)):
        if at == script.get("cut"):
            raise ConnectionCut("cut by the script")
        if at == script.get("error"):
            yield _line(Broken(Failure("overloaded", "an error by the script")))
            return
        if at and "pace" in script:
            await asyncio.sleep(script["pace"] / 1000)
        yield _line(Delta(piece))
    yield _line(End("stop", Usage(_tokens_in(call), _tokens(text))))


def _line(frame: Frame) -> bytes:
    return msgspec.json.encode(frame) + b"\n"


async def _delay(script: dict[str, int], timeout: float) -> None:
    pause = timeout if "hang" in script else min(script.get("slow", 0) / 1000, timeout)
    if pause:
        await asyncio.sleep(pause)
        if pause == timeout:
            raise TimedOut("no answer by the script")


def _tokens(text: str) -> int:
    return len(text.split())


def _tokens_in(call: Call) -> int:
    return _tokens(call.fim.prefix + call.fim.suffix if call.fim else " ".join(m.content for m in call.messages))
