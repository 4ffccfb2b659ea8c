# SPDX-License-Identifier: Apache-2.0
"""What the scripted upstream says: a text, or a tool call, which follows from the request alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from math import ceil
from typing import Any

from upstream.script import DEFAULT_CHUNKS, Script, script_of
from upstream.wire import encode

CREATED = 1_760_000_000
_CHARACTERS_PER_TOKEN = 4
_CHARACTERS_PER_CHUNK = 4
_EXAMPLES: dict[str, Any] = {"integer": 7, "number": 7.5, "boolean": True, "null": None, "array": []}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, cut into the pieces in which it is streamed. With a `tool`, the pieces are its JSON arguments."""

    model: str
    pieces: tuple[str, ...]
    tool: str = ""
    prompt_tokens: int = 1

    @property
    def text(self) -> str:
        """The whole text (or the whole JSON of the tool's arguments)."""
        return "".join(self.pieces)

    @property
    def output_tokens(self) -> int:
        """How many tokens the answer counts as."""
        return tokens(len(self.text))

    def id(self, prefix: str, length: int = 24) -> str:
        """An identifier of the provider's form, the same for the same answer."""
        return prefix + blake2b(f"{self.model} {self.tool}".encode(), digest_size=16).hexdigest()[:length]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the request offers, and example arguments for it as JSON."""

    name: str
    arguments: str

    @classmethod
    def of(cls, name: str, schema: object) -> "Tool":
        """A tool with arguments which fit its JSON schema."""
        return cls(name, encode(example(schema)).decode())


def answer_to(model: str, prompt: object, tool: Tool | None = None) -> Answer:
    """What is answered to `prompt` (any JSON), as a text or as a call of `tool`."""
    return _answer(model, tool, prompt_tokens(prompt))


@lru_cache(maxsize=1024)
def _answer(model: str, tool: Tool | None, asked: int) -> Answer:
    script = script_of(model)
    if script.empty:
        return Answer(model, (), "", asked)
    if tool is not None:
        return Answer(model, _cut(tool.arguments, script.chunks or DEFAULT_CHUNKS), tool.name, asked)
    text = _text(f"Hello from {model}.", script)
    return Answer(model, _cut(text, script.chunks or DEFAULT_CHUNKS), "", asked)


def _text(base: str, script: Script) -> str:
    wanted = script.bytes
    if wanted is None:
        wanted = script.chunks * _CHARACTERS_PER_CHUNK if script.chunks else len(base)
    return (f"{base} " * ceil(wanted / len(base)))[:wanted]


def _cut(text: str, count: int) -> tuple[str, ...]:
    count = max(1, min(count, len(text)))
    edges = [len(text) * place // count for place in range(count + 1)]
    return tuple(text[start:end] for start, end in pairwise(edges))


def tokens(characters: int) -> int:
    """A plain token count: one for four characters."""
    return max(1, ceil(characters / _CHARACTERS_PER_TOKEN))


def prompt_tokens(prompt: object) -> int:
    """The token count of every string in a JSON value."""
    return tokens(_characters(prompt))


def _characters(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return _sum(value.values())
    return _sum(value) if isinstance(value, list | tuple) else 0


def _sum(values: Iterable[object]) -> int:
    return sum(_characters(value) for value in values)


def example(schema: object) -> Any:
    """A value which fits a JSON schema (as far as tool schemas go)."""
    if not isinstance(schema, Mapping):
        return {}
    if schema.get("enum"):
        return schema["enum"][0]
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        return {name: example(part) for name, part in (schema.get("properties") or {}).items()}
    return _EXAMPLES.get(kind, "example")
