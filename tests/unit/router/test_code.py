# SPDX-License-Identifier: Apache-2.0
"""Code suggestions without I/O: what was asked, which candidates, which answer."""

import json
from typing import Any

import pytest

from aigw_contract.calls import Answer, Message
from aigw_contract.envelope import read_components
from aigw_contract.errors import NothingUsable
from aigw_contract.table import Choice, FeatureRoute, ModelRoute, ProviderRoute, RoutingTable
from aigw_router.candidates import Attempt
from aigw_router.features import code, code_answer, code_prompts

TABLE = RoutingTable(
    region="eu",
    providers={
        "anthropic": ProviderRoute("Anthropic", "http://a:1"),
        "vertex": ProviderRoute("VertexAI", "http://g:1"),
        "vllm": ProviderRoute("OpenAICompatible", "http://v:1"),
    },
    models={
        "claude": ModelRoute("anthropic", "claude-id"),
        "gemini": ModelRoute("vertex", "gemini-id"),
        "qwen": ModelRoute("vllm", "qwen-id", "Qwen"),
    },
    aliases={"claude-2": "claude"},
    features={
        "code_completions": FeatureRoute(3.0, [Choice("qwen"), Choice("claude")]),
        "code_generations": FeatureRoute(30.0, [Choice("gemini")]),
    },
)


def plan(*components: tuple[str, dict[str, Any]], table: RoutingTable = TABLE) -> list[Attempt]:
    return code.plan(asked(*components), table, 0.0)


def asked(*components: tuple[str, dict[str, Any]]) -> code.Asked:
    raw = [{"type": kind, "payload": payload} for kind, payload in components]
    return code.read(read_components(json.dumps({"prompt_components": raw}).encode()).components)


def prompt(content: str, model: str = "", provider: str = "", **params: Any) -> tuple[str, dict[str, Any]]:
    return "prompt", {"content": content, "model": model, "provider": provider, "params": params}


EDITOR = ("editor_content", {"filename": "a.py", "before_cursor": "def f():\n", "after_cursor": "\nf()"})
COMPLETION = {"file_name": "a.rb", "content_above_cursor": "def f", "content_below_cursor": "end"}


class TestBlueprint:
    def test_each_prompt_is_a_candidate_with_its_own_words(self) -> None:
        attempts = plan(prompt("for gemini", "gemini"), prompt("for claude", "claude-2", "anthropic"))
        assert [(a.model, a.call.messages) for a in attempts] == [
            ("gemini", [Message("user", "for gemini")]),
            ("claude", [Message("user", "for claude")]),
        ]

    def test_prompts_for_models_that_are_not_here_are_passed_over(self) -> None:
        attempts = plan(prompt("no", "gpt-4", "openai"), prompt("no", "claude", "vertex-ai"), prompt("yes", "claude-2"))
        assert [(a.model, a.call.messages[0].content) for a in attempts] == [("claude", "yes")]

    def test_params_go_along_within_bounds(self) -> None:
        (attempt,) = plan(prompt("x", "claude", temperature=0.25, maxOutputTokens=7))
        assert (attempt.call.temperature, attempt.call.max_tokens) == (0.25, 7)
        (attempt,) = plan(prompt("x", "claude", maxOutputTokens=10**9))
        assert attempt.call.max_tokens == code.MOST_TOKENS

    def test_a_prompt_that_names_no_model_goes_to_the_features_models(self) -> None:
        assert [(a.model, a.call.messages) for a in plan(prompt("free"))] == [
            ("qwen", [Message("user", "free")]),
            ("claude", [Message("user", "free")]),
        ]

    def test_editor_content_without_a_prompt_gets_one_made_here(self) -> None:
        first, second = plan(EDITOR)
        assert first.call.fim is not None
        assert (first.call.fim.prefix, first.call.fim.suffix, first.call.fim.family) == ("def f():\n", "\nf()", "Qwen")
        assert [m.role for m in second.call.messages] == ["system", "user"]
        assert "def f():" in second.call.messages[1].content

    def test_editor_content_serves_when_no_prompt_can(self) -> None:
        assert [a.model for a in plan(prompt("no", "gpt-4"), EDITOR)] == ["qwen", "claude"]

    def test_a_prompt_that_can_be_used_wins_over_editor_content(self) -> None:
        assert [a.model for a in plan(EDITOR, prompt("yes", "gemini"))] == ["gemini"]

    def test_without_any_model_for_it_the_refusal_names_what_was_asked(self) -> None:
        with pytest.raises(NothingUsable, match="gpt-4") as refusal:
            plan(prompt("no", "gpt-4"))
        assert refusal.value.reason == "no_such_model"

    @pytest.mark.parametrize("component", [prompt(""), ("editor_content", {"before_cursor": " \n"}), ("hologram", {})])
    def test_nothing_to_work_with_is_refused(self, component: tuple[str, dict[str, Any]]) -> None:
        with pytest.raises(NothingUsable):
            asked(component)


class TestGitLab:
    def test_a_completion_uses_the_features_models_in_order(self) -> None:
        attempts = plan(("code_editor_completion", COMPLETION))
        assert [a.model for a in attempts] == ["qwen", "claude"]
        assert all(a.call.max_tokens == code.COMPLETION_TOKENS for a in attempts)

    def test_the_model_that_is_named_comes_first_and_the_others_stay_as_fallback(self) -> None:
        payload = COMPLETION | {"model_provider": "anthropic", "model_name": "claude-2"}
        assert [a.model for a in plan(("code_editor_completion", payload))] == ["claude", "qwen"]

    def test_a_model_that_is_not_here_leaves_the_features_models(self) -> None:
        payload = COMPLETION | {"model_provider": "vertex-ai", "model_name": "code-gecko"}
        assert [a.model for a in plan(("code_editor_completion", payload))] == ["qwen", "claude"]

    def test_a_generation_has_models_and_tokens_of_its_own(self) -> None:
        (attempt,) = plan(("code_editor_generation", COMPLETION | {"prompt": "write it"}))
        assert (attempt.model, attempt.call.max_tokens) == ("gemini", code.GENERATION_TOKENS)
        assert attempt.call.messages == [Message("user", "write it")]

    def test_the_first_editor_component_decides(self) -> None:
        both = (("code_editor_completion", COMPLETION), ("code_editor_generation", COMPLETION | {"prompt": "x"}))
        assert asked(*both).operation == "code_completions"

    def test_context_goes_along(self) -> None:
        attempts = plan(
            ("code_editor_completion", COMPLETION | {"model_name": "claude"}),
            ("code_context", {"type": "file", "name": "b.rb", "content": "class Beside; end"}),
        )
        assert "class Beside; end" in attempts[0].call.messages[1].content

    def test_streaming_is_the_components_word(self) -> None:
        assert asked(("code_editor_completion", COMPLETION | {"stream": True})).stream
        assert not asked(("code_editor_completion", COMPLETION)).stream

    def test_an_empty_editor_is_refused(self) -> None:
        with pytest.raises(NothingUsable):
            asked(("code_editor_completion", {"file_name": "a.rb"}))


class TestAnswer:
    def answer(self, text: str, *components: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        what = asked(*components)
        attempt = code.plan(what, TABLE, 0.0)[0]
        body: dict[str, Any] = json.loads(code_answer.answer(what, attempt, Answer(text), TABLE, "id-1", 1688118443.9))
        return body

    def test_the_blueprints_keys_and_gitlabs_stand_side_by_side(self) -> None:
        body = self.answer("x = 1", prompt("p", "claude"))
        assert body["response"] == "x = 1"

        assert body["metadata"]["identifier"] == "id-1"
        assert body["metadata"]["model"] == "claude-id"
        assert body["metadata"]["timestamp"] == 1688118443
        assert body["choices"] == [{"text": "x = 1", "index": 0, "finish_reason": "length"}]

    def test_gitlab_gets_an_object_as_model(self) -> None:
        body = self.answer("x", ("code_editor_completion", COMPLETION))
        model = {"engine": "litellm", "name": "qwen-id", "lang": "ruby"}
        assert body["model"] == model
        assert body["metadata"]["model"] == model
        assert body["metadata"]["region"] == "eu"

    @pytest.mark.parametrize("text", ["", " \n"])
    def test_nothing_to_suggest_is_an_empty_list(self, text: str) -> None:
        assert self.answer(text, ("code_editor_completion", COMPLETION))["choices"] == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("x = 1", "x = 1"),
        ("```python\nx = 1\n```", "x = 1"),
        ("```\nx = 1\n```\n", "x = 1"),
        ("  ```rb\n  a\n    b\n```", "  a\n    b"),
        ("Use ```x``` here", "Use ```x``` here"),
        ("```one line```", "```one line```"),
        ("```a\nb\n```\nand more", "```a\nb\n```\nand more"),
    ],
)
def test_a_fence_around_everything_is_taken_off(text: str, plain: str) -> None:
    assert code_prompts.without_fence(text) == plain


def test_only_what_is_near_the_cursor_is_sent() -> None:
    around = code_prompts.Around("a", "", "x" * 100_000 + "NEAR", "NEXT" + "y" * 100_000, [])
    near = around.near()
    assert (len(near.before), len(near.after)) == (code_prompts.NEAR_BEFORE, code_prompts.NEAR_AFTER)
    assert near.before.endswith("NEAR")
    assert near.after.startswith("NEXT")
