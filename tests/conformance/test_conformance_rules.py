# SPDX-License-Identifier: Apache-2.0
"""Every adapter by every rule of the interface (`aigw_providers.adapter`)."""

import json
from typing import Any, get_args

import pytest

from aigw_contract.calls import (
    Answer,
    Broken,
    Call,
    Delta,
    EmbedCall,
    Embeddings,
    End,
    Fim,
    FinishReason,
    Message,
    Usage,
)
from aigw_contract.failures import Failure, Kind, UpstreamFailed, kind_of_status
from aigw_providers.registry import BUILT_IN
from conformance.dialects import ASKED, DIALECTS, SECRET, Dialect, data
from golden.reading import byte_by_byte, read, text_of

TEXTS = ["def hello", "():\n", '    "東京 🚀 e\u0301 \u2028"']
GARBAGE = [
    b"",
    b"<html><body>502 Bad Gateway</body></html>",
    b"{}",
    b"[]",
    b"null",
    b'"text"',
    b'{"text": 1, "content": 1, "choices": 1, "candidates": 1, "data": 1, "predictions": 1, "vectors": 1}',
    b'{"error"',
    b"\xff\xfe\x00",
    b'{"text": "\xff", "content": "\xff", "choices": "\xff", "candidates": "\xff"}',
    b'{"error": {"type": "\xff", "message": "\xff", "status": "\xff", "code": "\xff"}}',
    b'{"x": ' + b"[" * 100_000,
]


def every(*names: str, but: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Parametrize over dialects: all, or those named."""
    chosen = [name for name in names or DIALECTS if name not in but]
    return pytest.mark.parametrize("dialect", [DIALECTS[name] for name in chosen], ids=chosen)


every_dialect = every()
every_chat = every(but=("OpenAICompatible-fim",))
every_over_http = every(but=("Echo",))
every_embedder = every("OpenAI", "OpenAICompatible", "VertexAI-gemini", "Echo")
each_garbage = pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:24]))


def decoded(dialect: Dialect, body: bytes) -> Answer:
    answer = dialect.adapter.decode(dialect.call(), body)
    assert isinstance(answer, Answer)
    return answer


def streamed(dialect: Dialect, *events: bytes) -> list[Any]:
    return list(read(dialect.adapter.decoder(dialect.call(stream=True)), events))


def test_every_built_in_adapter_is_here() -> None:
    assert {dialect.kind for dialect in DIALECTS.values()} == set(BUILT_IN)


@every_dialect
def test_text_and_usage_come_out_of_an_answer(dialect: Dialect) -> None:
    answer = decoded(dialect, dialect.answer("".join(TEXTS), dialect.finish))
    assert answer == Answer("".join(TEXTS), "stop", Usage(7, 5))


@every_dialect
def test_text_and_usage_come_out_of_a_stream(dialect: Dialect) -> None:
    frames = streamed(dialect, *dialect.events(TEXTS, dialect.finish))
    assert frames == [*(Delta(text) for text in TEXTS), End("stop", Usage(7, 5))]


FINISHES = [(name, native) for name, dialect in DIALECTS.items() for native in dialect.finishes]


@pytest.mark.parametrize(("name", "native"), FINISHES)
def test_each_finish_reason_comes_out(name: str, native: str) -> None:
    dialect = DIALECTS[name]
    wanted = dialect.finishes[native]
    assert decoded(dialect, dialect.answer("a", native)).finish_reason == wanted
    assert streamed(dialect, *dialect.events(["a"], native))[-1].finish_reason == wanted


FILTERED = [
    ("Anthropic", "refusal"),
    ("OpenAI", "content_filter"),
    ("OpenAICompatible", "content_filter"),
    *(
        ("VertexAI-gemini", reason)
        for reason in ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR")
    ),
]


@pytest.mark.parametrize(("name", "native"), FILTERED)
def test_what_a_filter_stopped_says_so(name: str, native: str) -> None:
    assert DIALECTS[name].finishes[native] == "content_filter"


@every_over_http
def test_finish_reasons_of_tomorrow_are_other(dialect: Dialect) -> None:
    assert decoded(dialect, dialect.answer("a", "INVENTED")).finish_reason == "other"
    assert streamed(dialect, *dialect.events(["a"], "INVENTED"))[-1].finish_reason == "other"


def test_finish_tables_know_only_reasons_of_the_contract() -> None:
    assert all(set(d.finishes.values()) <= set(get_args(FinishReason)) for d in DIALECTS.values())


@every_dialect
def test_an_empty_answer_is_an_answer(dialect: Dialect) -> None:
    assert decoded(dialect, dialect.answer("", dialect.finish)) == Answer("", "stop", Usage(7, 5))
    assert streamed(dialect, *dialect.events([], dialect.finish)) == [End("stop", Usage(7, 5))]


@every_dialect
def test_a_stream_that_stops_early_is_broken(dialect: Dialect) -> None:
    events = dialect.events(TEXTS, dialect.finish)
    for kept in range(len(events) - dialect.whole_after):
        *_, last = streamed(dialect, *events[:kept])
        assert isinstance(last, Broken), f"after {kept} events"
        assert last.failure.kind == "cut"


@every_dialect
def test_a_stream_that_stops_within_an_event_is_broken(dialect: Dialect) -> None:
    events = dialect.events(TEXTS, dialect.finish)
    last = len(events) - 1 - dialect.whole_after
    for at in range(1, len(events[last]) - 1):
        frames = streamed(dialect, *events[:last], events[last][:at])
        assert isinstance(frames[-1], Broken), events[last][:at]
        assert text_of(frames) == "".join(TEXTS)


@every_dialect
def test_a_stream_that_only_lacks_what_comes_after_its_end_is_whole(dialect: Dialect) -> None:
    events = dialect.events(TEXTS, dialect.finish)
    for missing in range(dialect.whole_after + 1):
        frames = streamed(dialect, *events[: len(events) - missing])
        assert isinstance(frames[-1], End), f"without the last {missing}"


@every_dialect
def test_an_error_before_any_content_breaks_the_stream(dialect: Dialect) -> None:
    event, kind = dialect.error_event()
    assert [frame.failure.kind for frame in streamed(dialect, event)] == [kind]


@every_dialect
def test_an_error_after_content_breaks_the_stream(dialect: Dialect) -> None:
    event, kind = dialect.error_event()
    events = dialect.events(TEXTS, dialect.finish)
    before = len(events) - 1 - dialect.whole_after
    frames = streamed(dialect, *events[:before], event)
    assert text_of(frames) == "".join(TEXTS)
    assert frames[-1].failure.kind == kind


STREAM_ERRORS: list[tuple[dict[str, Any], Kind]] = [
    ({"error": {"message": "…", "type": None, "code": "429"}}, "rate_limited"),
    ({"error": {"message": "…", "type": None, "code": 404}}, "not_found"),
    ({"error": {"message": "…", "type": "invalid_request_error", "code": None}}, "bad_request"),
    ({"error": {"message": "maximum context length", "type": "invalid_request_error"}}, "too_long"),
    ({"error": {"message": "…", "code": "insufficient_quota"}}, "rate_limited"),
    ({"error": {"message": "…"}, "choices": [{"delta": {}, "finish_reason": "error"}]}, "overloaded"),
    ({"error": {}}, "overloaded"),
]


@every("OpenAI", "OpenAICompatible", "OpenAICompatible-fim")
@pytest.mark.parametrize(("error", "kind"), STREAM_ERRORS)
def test_an_error_in_a_stream_has_no_status_but_its_own(dialect: Dialect, error: dict[str, Any], kind: Kind) -> None:
    assert [frame.failure.kind for frame in streamed(dialect, data(error))] == [kind]


@every_dialect
def test_characters_split_over_chunks_come_out_whole(dialect: Dialect) -> None:
    stream = b"".join(dialect.events(TEXTS, dialect.finish))
    frames = read(dialect.adapter.decoder(dialect.call(stream=True)), byte_by_byte(stream))
    assert frames == streamed(dialect, stream)
    assert text_of(frames) == "".join(TEXTS)


@every_dialect
def test_streams_do_not_share_anything(dialect: Dialect) -> None:
    one, other = (dialect.adapter.decoder(dialect.call(stream=True)) for _ in range(2))
    events = dialect.events(TEXTS, dialect.finish)
    frames = read(one, events)
    assert other.end() == [Broken(Failure("cut", "the stream ended early"))]
    assert frames[-1] == End("stop", Usage(7, 5))


@every_dialect
@each_garbage
def test_an_answer_that_cannot_be_read_fails(dialect: Dialect, body: bytes) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        dialect.adapter.decode(dialect.call(), body)
    assert caught.value.failure.kind == "cut"


@every_dialect
@each_garbage
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_an_error_that_cannot_be_read_is_told_by_its_status(dialect: Dialect, body: bytes, status: int) -> None:
    assert dialect.adapter.decode_error(status, body).kind == kind_of_status(status)


@every_dialect
@pytest.mark.parametrize("line", [b"not json", b'{"x": ' + b"[" * 100_000, b"[1]"], ids=lambda line: repr(line[:12]))
def test_an_event_that_cannot_be_read_breaks_the_stream(dialect: Dialect, line: bytes) -> None:
    event = line + b"\n" if dialect.kind == "Echo" else b"data: " + line + b"\n\n"
    frames = streamed(dialect, event, *dialect.events(["a"], dialect.finish))
    assert [frame.failure.kind for frame in frames] == ["cut"]


@every_dialect
def test_text_that_is_not_utf8_breaks_the_stream(dialect: Dialect) -> None:
    stream = b"".join(dialect.events(["@@"], dialect.finish)).replace(b"@@", b"\xff")
    frames = streamed(dialect, stream)
    assert [frame.failure.kind for frame in frames] == ["cut"]


@every("Anthropic", "VertexAI-claude")
def test_input_tokens_may_be_null_where_they_are_repeated(dialect: Dialect) -> None:
    stream = b"".join(dialect.events(["a"], dialect.finish))
    stream = stream.replace(b'"usage": {"output_tokens"', b'"usage": {"input_tokens": null, "output_tokens"')
    assert streamed(dialect, stream)[-1] == End("stop", Usage(7, 5))


@every("OpenAI", "OpenAICompatible", "OpenAICompatible-fim")
def test_tokens_that_were_not_counted_are_zero(dialect: Dialect) -> None:
    whole, events = dialect.answer("a", dialect.finish), dialect.events(["a"], dialect.finish)
    for counts in (b'"prompt_tokens": null', b'"other": 1'):
        assert decoded(dialect, whole.replace(b'"prompt_tokens": 7', counts)).usage == Usage(0, 5)
        changed = [event.replace(b'"prompt_tokens": 7', counts) for event in events]
        assert streamed(dialect, *changed)[-1] == End("stop", Usage(0, 5))
    assert streamed(dialect, *events[:-2])[-1] == End("stop", Usage())


@every_chat
def test_the_system_is_where_the_provider_wants_it(dialect: Dialect) -> None:
    messages = [ASKED, Message("system", "Be brief."), Message("assistant", "Hi."), Message("system", "Rhyme."), ASKED]
    body = json.loads(dialect.adapter.encode(dialect.call(*messages)).body)
    assert dialect.system_of(body) == "Be brief.\n\nRhyme."


@every_chat
def test_without_a_system_there_is_none(dialect: Dialect) -> None:
    body = json.loads(dialect.adapter.encode(dialect.call()).body)
    assert dialect.system_of(body) == ""
    assert "system" not in body
    assert "systemInstruction" not in body


@every_over_http
def test_only_a_stream_is_asked_to_stream(dialect: Dialect) -> None:
    whole, stream = (dialect.adapter.encode(dialect.call(stream=flag)) for flag in (False, True))
    assert b"stream" not in whole.body
    assert b"stream" not in whole.target
    assert b'"stream":true' in stream.body or b"stream" in stream.target


@every_over_http
def test_a_request_is_json_for_a_target_below_the_endpoint(dialect: Dialect) -> None:
    target, headers, body = dialect.adapter.encode(dialect.call())
    assert target.startswith(b"/")
    assert dict(headers)[b"content-type"] == b"application/json"
    assert all(name == name.lower() for name, _ in headers)
    assert isinstance(json.loads(body), dict)


@every_dialect
def test_no_secret_is_in_a_request_or_shown(dialect: Dialect) -> None:
    request = dialect.adapter.encode(dialect.call())
    assert SECRET not in repr(request)
    assert SECRET not in repr(dialect.adapter)
    assert not {b"authorization", b"x-api-key", b"cookie"} & {name for name, _ in request.headers}


@every_dialect
def test_encoding_is_the_same_each_time(dialect: Dialect) -> None:
    first = dialect.adapter.encode(dialect.call())
    sent = [*first.headers, (b"traceparent", b"00")]
    assert dialect.adapter.encode(dialect.call()) == first
    assert len(sent) == len(first.headers) + 1


@every_dialect
def test_the_credential_is_in_one_header(dialect: Dialect) -> None:
    headers = dialect.adapter.credential_headers(SECRET)
    assert len(headers) == 1
    assert headers[0][1].endswith(SECRET.encode())


NEEDED = {"Anthropic": "file", "OpenAI": "file", "OpenAICompatible": None, "VertexAI": "google", "Echo": None}


@every_dialect
def test_who_needs_a_credential_and_of_what_sort(dialect: Dialect) -> None:
    adapter = dialect.adapter
    assert (adapter.credential_source if adapter.needs_credential else None) == NEEDED[dialect.kind]


@every_embedder
def test_embeddings_come_out_in_the_order_of_the_inputs(dialect: Dialect) -> None:
    vectors = [[0.5, -1.0], [0.25, 2.0]]
    assert dialect.adapter.embeds
    found = dialect.adapter.decode(dialect.embed_call, dialect.embeddings(vectors))
    assert found == Embeddings(vectors, Usage(7, 0))


@every_embedder
@each_garbage
def test_embeddings_that_cannot_be_read_fail(dialect: Dialect, body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        dialect.adapter.decode(dialect.embed_call, body)


@every("OpenAI", "OpenAICompatible", "VertexAI-gemini")
def test_another_number_of_embeddings_fails(dialect: Dialect) -> None:
    with pytest.raises(UpstreamFailed):
        dialect.adapter.decode(dialect.embed_call, dialect.embeddings([[1.0]]))


UNSUPPORTED = [
    ("Anthropic", EmbedCall("m", ["a"])),
    ("Anthropic", Call("m", fim=Fim("a", "b", "Qwen"))),
    ("OpenAI", Call("m", fim=Fim("a", "b", "Qwen"))),
    ("VertexAI-gemini", Call("gemini-2.5-flash", fim=Fim("a", "b", "Qwen"))),
    ("VertexAI-claude", Call("claude-1", fim=Fim("a", "b", "Qwen"))),
]


@pytest.mark.parametrize(("name", "call"), UNSUPPORTED)
def test_what_a_provider_cannot_do_is_refused_before_it_is_sent(name: str, call: Call | EmbedCall) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        DIALECTS[name].adapter.encode(call)
    assert caught.value.failure.kind == "bad_request"
