# SPDX-License-Identifier: Apache-2.0
"""Code suggestions: what was asked, in the blueprint's dialect or in GitLab's, and the candidates for it.

The dialects are told apart by component type. Blueprint: `prompt` components, each written for one model, are an
ordered list of candidates; `editor_content` without a usable prompt gets one written here. GitLab: the first
`code_editor_completion` or `code_editor_generation` decides, `code_context` goes along.
"""

from typing import Literal, NamedTuple

from aigw_contract.calls import Call, Fim, Message
from aigw_contract.envelope import (
    CodeContext,
    CodeEditor,
    CodeGeneration,
    Component,
    EditorContent,
    Prompt,
)
from aigw_contract.errors import NothingUsable
from aigw_contract.model_metadata import GITLAB, ModelMetadata
from aigw_contract.table import ModelRoute, RoutingTable
from aigw_router.candidates import Attempt, order
from aigw_router.features import code_prompts, requested
from aigw_router.features.code_prompts import Around

COMPLETION_TOKENS = 256
GENERATION_TOKENS = 2048
MOST_TOKENS = 8192

Operation = Literal["code_completions", "code_generations"]


class Asked(NamedTuple):
    """A request for code, whatever its dialect."""

    dialect: Literal["blueprint", "gitlab"]
    operation: Operation
    prompts: list[Prompt]
    around: Around | None
    stream: bool
    named: ModelMetadata | None = None


def read(components: list[Component], named: ModelMetadata | None = None) -> Asked:
    """What the components ask for, and of which model. Raises NothingUsable (422)."""
    for component in components:
        if isinstance(component, CodeEditor):
            return _gitlab(component, components, named)
    return _blueprint(components, named)


def _blueprint(components: list[Component], named: ModelMetadata | None) -> Asked:
    prompts = [c for c in components if isinstance(c, Prompt) and c.content]
    content = next((c for c in components if isinstance(c, EditorContent)), None)
    around = _around(content) if content is not None else None
    if not prompts and around is None:
        raise NothingUsable("No component holds a prompt or the content of an editor")
    stream = any(p.stream for p in prompts) or (content is not None and content.stream)
    return Asked("blueprint", "code_completions", prompts, around, stream, named)


def plan(asked: Asked, table: RoutingTable, chance: float) -> list[Attempt]:
    """Candidates in order. Raises NothingUsable (422) if this gateway has no model for the request.

    Where the request names a server there is one, or a refusal (as `requested.route`).
    """
    if asked.named is not None and asked.named.names_server:
        return [_requested(asked, asked.named, table)]
    attempts = _chosen(asked, table)
    for prompt in asked.prompts:
        attempts += _written(asked, prompt, table)
    if not attempts:
        attempts = _by_feature(asked, table, chance)
    elif asked.dialect == "gitlab":
        attempts = _each_once([*attempts, *_by_feature(asked, table, chance)])
    if not attempts:
        named = ", ".join(sorted({p.model or "?" for p in asked.prompts})[:5]) or "none"
        raise NothingUsable(f"This gateway has no model for the request (asked for: {named})", reason="no_such_model")
    return attempts


def _gitlab(editor: CodeEditor, components: list[Component], named: ModelMetadata | None) -> Asked:
    operation: Operation = "code_generations" if isinstance(editor, CodeGeneration) else "code_completions"
    around = Around(
        editor.file_name,
        editor.language_identifier,
        editor.content_above_cursor,
        editor.content_below_cursor,
        [(c.name, c.content) for c in components if isinstance(c, CodeContext)] if len(components) > 1 else [],
    )
    empty = not (around.before.strip() or around.after.strip())
    written = Prompt(editor.prompt or "", editor.model_name, editor.model_provider)
    if empty and not editor.prompt:
        raise NothingUsable("The editor's content is empty and there is no prompt")
    prompts = [written] if editor.prompt or editor.model_name else []
    return Asked("gitlab", operation, prompts, around, editor.stream, named)


def _around(content: EditorContent) -> Around | None:
    if not (content.before_cursor.strip() or content.after_cursor.strip()):
        return None
    files = [(file.filename, file.content) for file in content.open_files]
    return Around(content.filename, "", content.before_cursor, content.after_cursor, files)


def _requested(asked: Asked, named: ModelMetadata, table: RoutingTable) -> Attempt:
    """The one attempt at the server that the request names, with words written for any model, or else the first."""
    prompt = _without_model(asked)
    if prompt is None and asked.around is None:
        prompt = asked.prompts[0]
    attempt = _attempt(asked, requested.NAME, requested.route(named, table), prompt)
    attempt.call.at = requested.server(named)
    return attempt


def _chosen(asked: Asked, table: RoutingTable) -> list[Attempt]:
    """The attempt at the model of this gateway that GitLab has chosen for the feature; empty if it does not have it."""
    named = asked.named
    name = table.resolve(named.identifier or "") if named is not None and named.provider == GITLAB else None
    prompt = _without_model(asked)
    if name is None or (prompt is None and asked.around is None):
        return []
    return [_attempt(asked, name, table.models[name], prompt)]


def _written(asked: Asked, prompt: Prompt, table: RoutingTable) -> list[Attempt]:
    """The attempt at the model a prompt names, with its own words; empty if this gateway does not have that model."""
    name = table.resolve(prompt.model, prompt.provider) if prompt.model else None
    if name is None:
        return []
    return [_attempt(asked, name, table.models[name], prompt if prompt.content else None)]


def _by_feature(asked: Asked, table: RoutingTable, chance: float) -> list[Attempt]:
    """The feature's own models: with the words of a prompt that names no model, else with a prompt made here."""
    feature = table.features.get(asked.operation)
    free = _without_model(asked)
    if feature is None or (asked.around is None and free is None):
        return []
    return [_attempt(asked, name, table.models[name], free) for name in order(feature, chance)]


def _each_once(attempts: list[Attempt]) -> list[Attempt]:
    found: dict[str, Attempt] = {}
    for attempt in attempts:
        found.setdefault(attempt.model, attempt)
    return list(found.values())


def _without_model(asked: Asked) -> Prompt | None:
    for prompt in asked.prompts:
        if prompt.content and (asked.dialect == "gitlab" or not prompt.model):
            return prompt
    return None


def _attempt(asked: Asked, name: str, route: ModelRoute, prompt: Prompt | None) -> Attempt:
    tokens = COMPLETION_TOKENS if asked.operation == "code_completions" else GENERATION_TOKENS
    call = Call(model=route.id, max_tokens=tokens, stream=asked.stream)
    if prompt is not None:
        _as_written(call, prompt)
    elif asked.around is not None and route.fim is not None and asked.operation == "code_completions":
        near = asked.around.near()
        call.fim = Fim(near.before, near.after, route.fim, near.file_name)
    elif asked.around is not None:
        call.messages = code_prompts.messages(asked.around, asked.operation)
    return Attempt(name, route, call)


def _as_written(call: Call, prompt: Prompt) -> None:
    content = prompt.content
    call.messages = [Message("user", content)] if isinstance(content, str) else content
    call.temperature = prompt.params.temperature
    if (tokens := prompt.params.max_output_tokens) is not None and tokens > 0:
        call.max_tokens = min(tokens, MOST_TOKENS)
