# SPDX-License-Identifier: Apache-2.0
"""The `prompt_components` envelope, read tolerantly.

A request is `{"prompt_components": [{"type", "payload", "metadata"}, …]}`. Everything in a payload is optional: a field
that is missing or of the wrong type falls to its default and leaves a note; a component of an unknown type leaves a
note. Only what makes the whole request unreadable is refused. Beside `prompt_components` GitLab sends `model_metadata`,
read as tolerantly; all other keys are ignored.
"""

from collections.abc import Sized
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct, ValidationError, field

from aigw_contract.calls import Message
from aigw_contract.errors import UNREADABLE, InvalidJson, WrongShape
from aigw_contract.model_metadata import ModelMetadata

MOST_COMPONENTS = 100
"""GitLab's own service takes 1 to 100 components."""


class PromptParams(Struct):
    temperature: float | None = None
    max_output_tokens: int | None = field(name="maxOutputTokens", default=None)


class Prompt(Struct):
    """Blueprint `prompt`: text written for one model of one provider."""

    content: str | list[Message] = ""
    model: str = ""
    provider: str = ""
    params: PromptParams = field(default_factory=PromptParams)
    stream: bool = False


class OpenFile(Struct):
    filename: str = ""
    content: str = ""


class EditorContent(Struct):
    """Blueprint `editor_content`: what stands around the cursor."""

    filename: str = ""
    before_cursor: str = ""
    after_cursor: str = ""
    open_files: list[OpenFile] = []
    stream: bool = False


class CodeEditor(Struct):
    """GitLab's `code_editor_completion` and `code_editor_generation`."""

    file_name: str = ""
    content_above_cursor: str = ""
    content_below_cursor: str = ""
    language_identifier: str = ""
    model_provider: str = ""
    model_name: str = ""
    prompt: str | list[Message] | None = None
    stream: bool = False


class CodeCompletion(CodeEditor):
    pass


class CodeGeneration(CodeEditor):
    pass


class CodeContext(Struct):
    """GitLab's `code_context`: a file or snippet beside the one that is edited."""

    type: str = ""
    name: str = ""
    content: str = ""


Component = Prompt | EditorContent | CodeCompletion | CodeGeneration | CodeContext

COMPONENT_TYPES: dict[str, type[Component]] = {
    "prompt": Prompt,
    "editor_content": EditorContent,
    "code_editor_completion": CodeCompletion,
    "code_editor_generation": CodeGeneration,
    "code_context": CodeContext,
}


class PromptComponent(Struct, tag="prompt"):
    payload: Prompt = field(default_factory=Prompt)


class EditorContentComponent(Struct, tag="editor_content"):
    payload: EditorContent = field(default_factory=EditorContent)


class CodeCompletionComponent(Struct, tag="code_editor_completion"):
    payload: CodeCompletion = field(default_factory=CodeCompletion)


class CodeGenerationComponent(Struct, tag="code_editor_generation"):
    payload: CodeGeneration = field(default_factory=CodeGeneration)


class CodeContextComponent(Struct, tag="code_context"):
    payload: CodeContext = field(default_factory=CodeContext)


class CodeRequest(Struct):
    """A request of which every component is known and in its shape, as nearly all are."""

    prompt_components: list[
        PromptComponent
        | EditorContentComponent
        | CodeCompletionComponent
        | CodeGenerationComponent
        | CodeContextComponent
    ]
    model_metadata: ModelMetadata | None = None


class Envelope(Struct):
    """The components that could be read, in order, and what was passed over."""

    components: list[Component]
    notes: list[str]
    metadata: ModelMetadata | None = None


class _Wire(Struct):
    prompt_components: list[Raw]
    model_metadata: Raw = Raw(b"null")


class _Head(Struct):
    type: str = ""
    payload: Raw = Raw(b"{}")


T = TypeVar("T", bound=Struct)

_known = msgspec.json.Decoder(CodeRequest)


def read_components(body: bytes) -> Envelope:
    """Read a request body. Raises InvalidJson (400) or WrongShape (422).

    First as if all were well, in one go; only what is not is read piece by piece.
    """
    try:
        request = _known.decode(body)
    except UNREADABLE:
        return _read_piecewise(body)
    _check_number(request.prompt_components)
    metadata = request.model_metadata
    notes = metadata.notes() if metadata is not None else []
    return Envelope([component.payload for component in request.prompt_components], notes, metadata)


def _read_piecewise(body: bytes) -> Envelope:
    wire = read_json(body, _Wire)
    _check_number(wire.prompt_components)
    envelope = Envelope([], [])
    try:
        for at, raw in enumerate(wire.prompt_components):
            _read_one(raw, f"prompt_components[{at}]", envelope)
        envelope.metadata = _metadata(wire.model_metadata, envelope.notes)
    except UNREADABLE as error:  # Raw is checked for syntax only when it is opened
        raise InvalidJson(f"The request body is not JSON that can be read: {_short(error)}") from None
    return envelope


def read_json(body: bytes, kind: type[T]) -> T:
    """Read a body that must have the shape of `kind`. Raises InvalidJson (400) or WrongShape (422)."""
    try:
        return _decoder(kind).decode(body)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise WrongShape(f"The request body has the wrong shape: {_short(error)}") from None
    except UNREADABLE as error:
        raise InvalidJson(f"The request body is not JSON that can be read: {_short(error)}") from None


def read_tolerantly(kind: type[T], raw: Raw | bytes, where: str, notes: list[str]) -> T:
    """Decode `kind`; fields of the wrong type fall to their defaults, each with a note."""
    try:
        return _decoder(kind).decode(raw)  # type: ignore[no-any-return]
    except ValidationError:
        return _field_by_field(kind, msgspec.json.decode(raw), where, notes)


def _check_number(components: Sized) -> None:
    if not 1 <= len(components) <= MOST_COMPONENTS:
        raise WrongShape(f"prompt_components holds {len(components)} components; 1 to {MOST_COMPONENTS} are taken")


def _read_one(raw: Raw, where: str, envelope: Envelope) -> None:
    head = read_tolerantly(_Head, raw, where, envelope.notes)
    kind = COMPONENT_TYPES.get(head.type)
    if kind is None:
        envelope.notes.append(f"{where}: its type is not known, so it was passed over")
        return
    envelope.components.append(read_tolerantly(kind, head.payload, f"{where}.payload", envelope.notes))


def _metadata(raw: Raw, notes: list[str]) -> ModelMetadata | None:
    if bytes(raw) == b"null":
        return None
    found = read_tolerantly(ModelMetadata, raw, "model_metadata", notes)
    notes += found.notes()
    return found


def _field_by_field(kind: type[T], value: Any, where: str, notes: list[str]) -> T:
    if not isinstance(value, dict):
        notes.append(f"{where}: not an object")
        return kind()
    kept: dict[str, Any] = {}
    for known in msgspec.structs.fields(kind):
        if known.encode_name not in value:
            continue
        try:
            kept[known.name] = _convert(value[known.encode_name], known.type, f"{where}.{known.encode_name}", notes)
        except ValidationError as error:
            notes.append(f"{where}.{known.encode_name}: {_short(error)}")
    return kind(**kept)


def _convert(value: Any, kind: Any, where: str, notes: list[str]) -> Any:
    if kind is Raw:
        return Raw(msgspec.json.encode(value))
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _field_by_field(kind, value, where, notes)
    return msgspec.convert(value, kind, strict=False)  # "0.2" for a number is what some clients send


@cache
def _decoder(kind: type[Any]) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind)


def _short(error: Exception) -> str:
    """What is wrong, and nothing of the request: notes are logged."""
    text = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
    return "Not a value that is known" if text.startswith("Invalid enum value") else text
