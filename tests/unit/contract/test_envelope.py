# SPDX-License-Identifier: Apache-2.0
"""The envelope reader: tolerant where the blueprint says so, clear where nothing can be read."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_contract.calls import Call, EmbedCall, Message, ModelServer
from aigw_contract.envelope import (
    COMPONENT_TYPES,
    CodeCompletion,
    CodeGeneration,
    EditorContent,
    Prompt,
    read_components,
)
from aigw_contract.errors import InvalidJson, WrongShape
from aigw_contract.model_metadata import ModelMetadata


def body(*components: Any, **beside: Any) -> bytes:
    return json.dumps({"prompt_components": list(components), **beside}).encode()


def component(kind: str, payload: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "payload": payload, **more}


def test_both_dialects_are_read() -> None:
    envelope = read_components(
        body(
            component("prompt", {"content": "a", "model": "m", "params": {"temperature": 0.2, "maxOutputTokens": 9}}),
            component("editor_content", {"filename": "f.py", "before_cursor": "x", "after_cursor": "y"}),
            component("code_editor_completion", {"file_name": "f.py", "content_above_cursor": "x"}),
            component("code_editor_generation", {"prompt": [{"role": "user", "content": "hi"}]}),
        )
    )
    prompt, editor, completion, generation = envelope.components
    assert isinstance(prompt, Prompt)
    assert (prompt.params.temperature, prompt.params.max_output_tokens) == (0.2, 9)
    assert isinstance(editor, EditorContent)
    assert isinstance(completion, CodeCompletion)
    assert isinstance(generation, CodeGeneration)
    assert generation.prompt == [Message("user", "hi")]
    assert envelope.notes == []


@pytest.mark.parametrize(
    ("payload", "note"),
    [
        ({"content": "kept", "model": 7}, "payload.model"),
        ({"content": "kept", "model": None}, "payload.model"),
        ({"content": "kept", "params": {"temperature": []}}, "params.temperature"),
        ({"content": "kept", "params": "hot"}, "payload.params"),
        ({"content": "kept", "stream": "maybe"}, "payload.stream"),
    ],
)
def test_a_malformed_field_falls_to_its_default_and_leaves_a_note(payload: Any, note: str) -> None:
    envelope = read_components(body(component("prompt", payload)))
    (prompt,) = envelope.components
    assert isinstance(prompt, Prompt)
    assert prompt.content == "kept"
    assert prompt.model == ""
    assert len(envelope.notes) == 1
    assert note in envelope.notes[0]


def test_a_number_that_came_as_text_is_taken() -> None:
    raw = component("prompt", {"content": "a", "params": {"temperature": "0.5", "maxOutputTokens": "12"}})
    (prompt,) = read_components(body(raw)).components
    assert isinstance(prompt, Prompt)
    assert prompt.params.temperature == 0.5
    assert prompt.params.max_output_tokens == 12


@pytest.mark.parametrize("payload", [None, [], "text", 3, True])
def test_a_payload_that_is_no_object_is_an_empty_one(payload: Any) -> None:
    envelope = read_components(body(component("prompt", payload)))
    assert envelope.components == [Prompt()]
    assert envelope.notes


def test_unknown_types_and_broken_components_are_passed_over_with_a_note() -> None:
    envelope = read_components(body({"type": "hologram"}, 7, {"type": 3}, {}, component("prompt", {"content": "x"})))
    assert [type(c) for c in envelope.components] == [Prompt]
    assert len(envelope.notes) >= 4


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "s3cr3t"},
        component("prompt", {"content": [{"role": "s3cr3t", "content": "x"}]}),
        component(
            "prompt", {"content": [{"role": "user", "content": ["s3cr3t"]}], "params": {"temperature": "s3cr3t"}}
        ),
        component("code_editor_completion", {"stream": "s3cr3t", "file_name": ["s3cr3t"]}),
    ],
)
def test_notes_hold_nothing_of_the_request(odd: Any) -> None:
    """They are logged at DEBUG."""
    notes = read_components(body(odd)).notes
    assert notes
    assert "s3cr3t" not in str(notes)


def test_siblings_metadata_and_unknown_fields_do_not_matter() -> None:
    raw = component("prompt", {"content": "x", "new": {"deep": [1]}}, metadata={"source": 5})
    assert read_components(body(raw, model_metadata={"provider": "gitlab"})).notes == []


SERVER = {"provider": "litellm", "name": "codestral", "endpoint": "http://m/v1", "api_key": "k", "identifier": "x/y"}


def test_the_model_that_gitlab_names_is_read_beside() -> None:
    envelope = read_components(body(component("prompt", {"content": "x"}), model_metadata=SERVER | {"new": [1]}))
    assert envelope.metadata == ModelMetadata("litellm", "codestral", "http://m/v1", "k", "x/y")
    assert envelope.metadata.names_server
    assert envelope.notes == []


def test_it_is_read_alike_when_something_else_is_odd() -> None:
    envelope = read_components(body({"type": "hologram"}, model_metadata=SERVER))
    assert envelope.metadata == ModelMetadata("litellm", "codestral", "http://m/v1", "k", "x/y")
    assert len(envelope.notes) == 1


@pytest.mark.parametrize(
    ("metadata", "read", "noted"),
    [
        (None, None, []),
        ("litellm", ModelMetadata(), ["model_metadata: not an object"]),
        ([SERVER], ModelMetadata(), ["model_metadata: not an object"]),
        ({}, ModelMetadata(), []),
        ({"provider": None, "name": None}, ModelMetadata(), []),
        ({"provider": "gitlab", "feature_setting": "x"}, ModelMetadata("gitlab", feature_setting="x"), []),
        ({"provider": "litellm", "endpoint": ""}, ModelMetadata("litellm", endpoint=""), ["names a provider and no"]),
        ({"provider": "amazon_q", "role_arn": "r"}, ModelMetadata("amazon_q"), ["names a provider and no endpoint"]),
        (SERVER | {"identifier": 7}, ModelMetadata(*list(SERVER.values())[:4]), ["model_metadata.identifier"]),
        (SERVER | {"provider": {}}, ModelMetadata(None, *list(SERVER.values())[1:]), ["model_metadata.provider"]),
    ],
)
def test_malformed_metadata_leaves_a_note_and_what_can_be_read(
    metadata: Any, read: ModelMetadata | None, noted: list[str]
) -> None:
    envelope = read_components(body(component("prompt", {"content": "x"}), model_metadata=metadata))
    assert envelope.metadata == read
    assert len(envelope.notes) == len(noted)
    assert all(part in note for part, note in zip(noted, envelope.notes, strict=True))


@pytest.mark.parametrize("metadata", [{}, SERVER, SERVER | {"provider": "gitlab"}, {"endpoint": "http://m"}])
def test_a_server_is_named_by_an_endpoint_of_anyone_but_gitlab(metadata: dict[str, str]) -> None:
    found = ModelMetadata(**metadata)
    assert found.names_server is ("endpoint" in metadata and metadata.get("provider") != "gitlab")


def test_a_key_is_shown_nowhere() -> None:
    server = ModelServer("http://m/secret-path", "s3cr3t")
    shown = [server, Call("m", at=server), EmbedCall("m", [], server), ModelMetadata("x", api_key="s3cr3t")]
    shown += [read_components(body({"type": "prompt"}, model_metadata=SERVER | {"api_key": "s3cr3t"}))]
    for value in shown:
        assert "s3cr3t" not in f"{value!r} {value} {list(value.__rich_repr__())}"
        assert "secret-path" not in repr(value)


def test_a_note_holds_no_key() -> None:
    odd = SERVER | {"api_key": ["s3cr3t"], "endpoint": {"s3cr3t": "s3cr3t"}}
    assert "s3cr3t" not in str(read_components(body({"type": "prompt"}, model_metadata=odd)).notes)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"{",
        b'{"prompt_components": [}',
        b'{"prompt_components": [{"type": "prompt", "payload": {"content": "\xff"}}]}',
        b'{"prompt_components": ["\x00"]}',
    ],
)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidJson):
        read_components(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"null",
        b'"x"',
        b"{}",
        b'{"prompt_components": null}',
        b'{"prompt_components": {}}',
        body(),
        body(*[1] * 101),
    ],
)
def test_what_is_no_envelope_is_refused(raw: bytes) -> None:
    with pytest.raises(WrongShape):
        read_components(raw)


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_deep_nesting_is_refused_or_ignored_but_never_crashes(depth: int) -> None:
    nest = b"[" * depth + b"]" * depth
    for raw in (nest, b'{"prompt_components": ' + nest + b"}", b'{"prompt_components": [{"payload": ' + nest + b"}]}"):
        with contextlib.suppress(InvalidJson, WrongShape):
            read_components(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from([
    "content", "model", "provider", "params", "stream", "file_name", "content_above_cursor", "before_cursor",
    "open_files", "prompt", "name", "temperature",
])  # fmt: skip


@given(
    kind=st.sampled_from([*COMPONENT_TYPES, "other"]),
    payload=st.dictionaries(field_names, json_values, max_size=6) | json_values,
)
def test_any_payload_is_tolerated(kind: str, payload: Any) -> None:
    envelope = read_components(body(component(kind, payload)))
    assert len(envelope.components) == (kind in COMPONENT_TYPES)


@given(json_values | st.dictionaries(st.sampled_from(list(SERVER)), json_values, max_size=6))
def test_any_metadata_is_tolerated(metadata: Any) -> None:
    envelope = read_components(body(component("prompt", {"content": "x"}), model_metadata=metadata))
    assert len(envelope.components) == 1
    assert (envelope.metadata is None) == (metadata is None)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(InvalidJson, WrongShape):
        read_components(raw)
