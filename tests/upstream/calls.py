# SPDX-License-Identifier: Apache-2.0
"""A call as it arrives, and the part of answering it which is the same for every provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from upstream.record import Recorder
from upstream.script import Script, script_of
from upstream.stage import Performance
from upstream.wire import Streamed, Whole, decode

Show = Whole | Streamed


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider. A body which is not a JSON object is taken as an empty one."""

    request: Request
    provider: str
    body: Mapping[str, Any]
    model: str
    script: Script
    streaming: bool

    def header(self, name: str) -> str:
        """A request header, empty when absent."""
        return self.request.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class Wording:
    """How one provider words its refusals."""

    status: Callable[[Call, int, str], Whole]
    """The refusal for a status, with a message of its own or (when empty) the provider's usual one."""
    too_long: Callable[[Call], Whole]
    overloaded: int
    """The status which says: too busy, try again."""


async def receive(request: Request, provider: str, model: str | None = None, streaming: bool | None = None) -> Call:
    """Read and record a call. The model and whether to stream come from the body unless the path says."""
    body = _json(await request.body())
    recorder(request).request(provider, request, body)
    fields = body if isinstance(body, dict) else {}
    model = str(fields.get("model", "")) if model is None else model
    streaming = bool(fields.get("stream")) if streaming is None else streaming
    return Call(request, provider, fields, model, script_of(model), streaming)


def perform(call: Call, show: Show) -> Response:
    """Give an answer as the call's model name asks."""
    return Performance(show, call.script, recorder(call.request), call.provider, call.model)


def respond(
    call: Call, wording: Wording, refuse: Callable[[Call], Show | None], give: Callable[[Call], Show]
) -> Response:
    """The usual order: what the provider itself refuses, then what the model name asks for, then the answer."""
    try:
        show = refuse(call) or scripted_refusal(call, wording) or give(call)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        show = wording.status(call, 400, f"malformed body: {error!r}")
    return perform(call, show)


def scripted_refusal(call: Call, wording: Wording) -> Whole | None:
    """The refusal which the model name asks for, if any."""
    script = call.script
    if script.unknown:
        return wording.status(call, 400, f"unknown scripted behaviour in the model name: {script.unknown}")
    if script.too_long:
        return wording.too_long(call)
    if script.error_after is not None and not call.streaming:
        return wording.status(call, wording.overloaded, "")
    return wording.status(call, script.fail, "") if script.fail else None


def recorder(request: Request) -> Recorder:
    """The server's record."""
    found: Recorder = request.app.state.recorder
    return found


def _json(body: bytes) -> object:
    try:
        return decode(body)
    except (ValueError, RecursionError):  # the second: nested too deeply
        return None
