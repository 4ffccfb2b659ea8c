# SPDX-License-Identifier: Apache-2.0
"""The answer to a request for code: the keys of both dialects in one object. Pure.

`metadata.model` alone differs: the blueprint has a name there, GitLab an object.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from aigw_contract.calls import Answer
from aigw_contract.table import RoutingTable
from aigw_router.candidates import Attempt
from aigw_router.features.code import Asked
from aigw_router.features.code_prompts import without_fence

ENGINES = {"Anthropic": "anthropic", "VertexAI": "vertex-ai", "OpenAI": "openai", "OpenAICompatible": "litellm"}

LANGUAGES = {
    "c": "c", "cc": "cpp", "cpp": "cpp", "cs": "csharp", "go": "go", "h": "c", "java": "java", "js": "javascript",
    "jsx": "javascript", "kt": "kotlin", "php": "php", "py": "python", "rb": "ruby", "rs": "rust", "scala": "scala",
    "sh": "shell", "sql": "sql", "swift": "swift", "tf": "terraform", "ts": "typescript", "tsx": "typescript",
}  # fmt: skip


class Model(Struct):
    engine: str
    name: str
    lang: str


class Choice(Struct):
    text: str
    index: int = 0
    finish_reason: Literal["length"] = "length"  # GitLab's own service always says so


class Metadata(Struct):
    identifier: str
    model: Model | str
    timestamp: int  # Unix seconds
    region: str | None = None
    enabled_feature_flags: list[str] | None = None


class CodeAnswer(Struct):
    response: str
    choices: list[Choice]  # empty when there is nothing to suggest
    model: Model
    metadata: Metadata


def answer(asked: Asked, attempt: Attempt, given: Answer, table: RoutingTable, identifier: str, now: float) -> bytes:
    """The JSON body."""
    text = given.text if attempt.call.fim or asked.prompts else without_fence(given.text)
    model = _model(asked, attempt, table)
    named = model.name if asked.dialect == "blueprint" else model
    metadata = Metadata(identifier, named, int(now), table.region or None)
    choices = [Choice(text)] if text.strip() else []
    return msgspec.json.encode(CodeAnswer(text, choices, model, metadata))


def _model(asked: Asked, attempt: Attempt, table: RoutingTable) -> Model:
    kind = table.providers[attempt.route.provider].type
    return Model(ENGINES.get(kind, kind.lower()), attempt.route.id, _language(asked))


def _language(asked: Asked) -> str:
    if asked.around is None:
        return ""
    extension = asked.around.file_name.rpartition(".")[2].lower()
    return asked.around.language or LANGUAGES.get(extension, "")
