# SPDX-License-Identifier: Apache-2.0
"""`POST /v3/code/completions` in both dialects, against each type of provider."""

import time
from typing import Any

import httpx
import pytest

from gateway.asking import CODE, completion, component, encode, envelope, generation, prompt
from gateway.running import RunningGateway
from gateway.wire import Wire
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration

ENGINES = [
    ("claude", "claude-x", "anthropic"),
    ("gpt", "gpt-x", "openai"),
    ("gemini", "gemini-x", "vertex-ai"),
    ("claude-on-vertex", "claude-x@20250101", "vertex-ai"),
    ("mistral", "mistral-x", "litellm"),
    ("echo", "echo", "echo"),
]
"""A model's name, the provider's id for it, and what GitLab calls the engine."""


def ask(client: httpx.Client, *components: Any, **headers: str) -> httpx.Response:
    return client.post(CODE, json=envelope(*components), headers=headers)


def said(model: str) -> str:
    return f"Hello from {model}."


def sent(request: dict[str, Any]) -> str:
    """The prompt as it arrived at the upstream."""
    return str(request["body"])


class TestAnswer:
    @pytest.mark.parametrize(("name", "model", "engine"), ENGINES)
    def test_blueprint(self, client: httpx.Client, name: str, model: str, engine: str) -> None:
        answer = ask(client, prompt(name))
        text = "echo: hi" if name == "echo" else said(model)
        body = answer.json()
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert set(body) == {"response", "choices", "model", "metadata"}
        assert body["response"] == text
        assert body["choices"] == [{"text": text, "index": 0, "finish_reason": "length"}]
        assert body["model"] == {"engine": engine, "name": model, "lang": ""}
        assert body["metadata"]["model"] == model
        assert body["metadata"]["identifier"] == answer.headers["x-request-id"]
        assert abs(body["metadata"]["timestamp"] - time.time()) < 60

    @pytest.mark.parametrize(("name", "model", "engine"), ENGINES)
    @pytest.mark.parametrize("write", [completion, generation])
    def test_gitlab(self, client: httpx.Client, write: Any, name: str, model: str, engine: str) -> None:
        body = ask(client, write(model_name=name, language_identifier="python")).json()
        assert set(body) == {"response", "choices", "model", "metadata"}
        assert body["model"] == {"engine": engine, "name": model, "lang": "python"}
        assert body["metadata"]["model"] == body["model"]
        assert body["metadata"]["region"] == "test"
        assert body["choices"][0]["text"] == body["response"]
        if name != "echo":
            assert body["response"] == said(model)

    def test_language_is_told_by_the_file_name(self, client: httpx.Client) -> None:
        assert ask(client, completion(file_name="lib/a.rb")).json()["model"]["lang"] == "ruby"

    @pytest.mark.parametrize("family", ["claude", "gpt", "gemini", "mistral"])
    def test_nothing_to_suggest(self, client: httpx.Client, family: str) -> None:
        body = ask(client, completion(model_name=f"{family}--empty")).json()
        assert (body["choices"], body["response"]) == ([], "")

    def test_ids_go_along(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        answer = ask(client, prompt("claude"), **{"x-request-id": "of-mine-7", "traceparent": trace})
        assert answer.headers["x-request-id"] == answer.json()["metadata"]["identifier"] == "of-mine-7"
        assert trace.split("-")[1] in upstream.requests()[0]["headers"]["traceparent"]


class TestWhatGoesUp:
    def test_first_known_candidate_with_its_own_words(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        asked = [prompt("no-such", "for nobody"), prompt("gpt", "for gpt"), prompt("claude", "for claude")]
        assert ask(client, *asked).json()["response"] == said("gpt-x")
        (seen,) = upstream.requests()
        assert seen["provider"] == "openai"
        assert seen["body"]["messages"] == [{"role": "user", "content": "for gpt"}]

    def test_second_candidate_gets_its_own_words(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        asked = [prompt("mistral--fail-500", "for the first"), prompt("gemini", "for the second")]
        assert ask(client, *asked).json()["response"] == said("gemini-x")
        first, second = upstream.requests()
        assert "for the first" in sent(first)
        assert "for the second" in sent(second)
        assert "for the first" not in sent(second)

    @pytest.mark.parametrize(
        ("model", "provider", "id_"),
        [
            ("claude-2", "anthropic", "claude-x"),
            ("claude-2.1", "", "claude-x"),
            ("gpt-retired", "open_ai", "gpt-x"),
            ("claude-x@20250101", "vertex-ai", "claude-x@20250101"),
            ("mistral", "vllm", "mistral-x"),
        ],
    )
    def test_aliases_and_provider_names(
        self, client: httpx.Client, upstream: RunningUpstream, model: str, provider: str, id_: str
    ) -> None:
        answer = ask(client, prompt(model, provider=provider)).json()
        assert (answer["response"], answer["metadata"]["model"]) == (said(id_), id_)
        assert len(upstream.requests()) == 1

    def test_model_of_another_provider_is_passed_over(self, client: httpx.Client) -> None:
        asked = [prompt("claude", provider="openai"), prompt("gpt", provider="openai")]
        assert ask(client, *asked).json()["response"] == said("gpt-x")

    def test_messages_and_parameters(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        turns = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
        ask(client, prompt("claude", turns, params={"temperature": 0.2, "maxOutputTokens": 77}))
        body = upstream.requests()[0]["body"]
        assert (body["system"], body["messages"]) == ("be brief", [{"role": "user", "content": "hi"}])
        assert (body["temperature"], body["max_tokens"]) == (0.2, 77)

    def test_editor_content_without_prompt(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        editor = component("editor_content", filename="a.py", before_cursor="def add(", after_cursor="\n    return 3")
        answer = ask(client, editor).json()
        assert (answer["response"], answer["metadata"]["model"]) == (said("qwen-x"), "qwen-x")
        (seen,) = upstream.requests()
        assert seen["path"] == "/vllm/v1/completions"
        assert seen["body"]["prompt"] == "<|fim_prefix|>def add(<|fim_suffix|>\n    return 3<|fim_middle|>"

    def test_editor_content_beside_prompts_for_unknown_models(
        self, client: httpx.Client, upstream: RunningUpstream
    ) -> None:
        editor = component("editor_content", filename="a.py", before_cursor="def add(", after_cursor="")
        assert ask(client, prompt("no-such", "words"), editor).status_code == 200
        assert upstream.requests()[0]["body"]["prompt"].startswith("<|fim_prefix|>def add(")

    def test_gitlab_completion_fills_in_the_middle(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        ask(client, completion())
        (seen,) = upstream.requests()
        assert (seen["path"], seen["body"]["model"]) == ("/vllm/v1/completions", "qwen-x")
        assert seen["body"]["prompt"] == "<|fim_prefix|>def f(<|fim_suffix|>\n    return 1<|fim_middle|>"

    def test_prompt_is_made_for_models_that_chat(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        context = component("code_context", type="file", name="other.py", content="VALUE = 41")
        ask(client, completion(model_name="claude"), context)
        body = upstream.requests()[0]["body"]
        assert body["system"]
        assert all(part in sent({"body": body["messages"]}) for part in ("def f(", "return 1", "VALUE = 41"))

    def test_gitlab_prompt_is_used_as_written(self, client: httpx.Client, upstream: RunningUpstream) -> None:
        ask(client, generation(prompt="write a sort", prompt_id="x", prompt_version="^1.0.0"))
        body = upstream.requests()[0]["body"]
        assert body["messages"] == [{"role": "user", "content": "write a sort"}]
        assert "system" not in body


class TestTolerance:
    @pytest.mark.parametrize(
        "odd",
        [
            component("of_tomorrow", anything=[1]),
            {"type": "prompt"},
            {"type": "prompt", "payload": None},
            {"type": "prompt", "payload": [], "metadata": 7},
            {"type": 5, "payload": {}},
            {"payload": {}},
            {},
            [],
            "text",
            None,
            7.5,
        ],
        ids=repr,
    )
    def test_odd_components_are_passed_over(self, client: httpx.Client, odd: Any) -> None:
        assert ask(client, odd, prompt("claude")).json()["response"] == said("claude-x")

    @pytest.mark.parametrize(
        "payload",
        [
            {"params": "none"},
            {"params": {"temperature": "0.2", "maxOutputTokens": [], "of_tomorrow": 1}},
            {"stream": "perhaps"},
            {"provider": 7},
            {"of_tomorrow": {"a": [1]}},
        ],
        ids=repr,
    )
    def test_malformed_fields_fall_to_their_defaults(self, client: httpx.Client, payload: dict[str, Any]) -> None:
        assert ask(client, prompt("claude", **payload)).json()["response"] == said("claude-x")

    def test_gitlab_fields_too(self, client: httpx.Client) -> None:
        odd = completion(file_name=7, language_identifier=None, choices_count="x", model_name=[], prompt={}, stream=1.5)
        assert ask(client, odd).json()["response"] == said("qwen-x")

    def test_metadata_and_siblings(self, client: httpx.Client) -> None:
        body = envelope({**prompt("claude"), "metadata": "odd", "of_tomorrow": 1}) | {"model_metadata": [7], "x": None}
        assert client.post(CODE, json=body).json()["response"] == said("claude-x")

    @pytest.mark.parametrize("kind", ["  application/json", "text/plain", ""])
    def test_content_type_does_not_matter(self, gateway: RunningGateway, kind: str) -> None:
        """GitLab's language server sends one with a leading blank, which httpx refuses to."""
        with Wire(gateway.url) as wire:
            wire.post(CODE, {**gateway.headers, "Content-Type": kind}, encode(envelope(prompt("claude"))))
            assert wire.answer().json()["response"] == said("claude-x")


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ({}, "wrong_shape"),
            ({"prompt_components": []}, "wrong_shape"),
            ({"prompt_components": {}}, "wrong_shape"),
            (envelope(*[prompt("claude")] * 101), "wrong_shape"),
            (envelope(component("of_tomorrow")), "nothing_usable"),
            (envelope(prompt("claude", "")), "nothing_usable"),
            (envelope(completion(content_above_cursor="", content_below_cursor=" \n")), "nothing_usable"),
            (envelope(prompt("no-such")), "no_such_model"),
            (envelope(prompt("claude", provider="openai")), "no_such_model"),
            (envelope(prompt("claude--too-long")), "prompt_too_long"),
            (envelope(prompt("claude--fail-400"), prompt("gpt")), "provider_rejected_request"),
        ],
    )
    def test_422_says_why(self, client: httpx.Client, body: Any, reason: str) -> None:
        answer = client.post(CODE, json=body)
        told = answer.json()
        assert (answer.status_code, told["reason"]) == (422, reason)
        assert isinstance(told["detail"], str)
        assert told["detail"]
        assert told["request_id"] == answer.headers["x-request-id"]

    def test_user_token(self, gateway: RunningGateway) -> None:
        with gateway.client(headers=gateway.mint("--user", "someone")) as client:
            answer = ask(client, completion())
        assert (answer.status_code, answer.json()["detail"]) == (403, "Unauthorized to access code suggestions")
        assert answer.json()["reason"] == "user_token_not_accepted"

    @pytest.mark.parametrize(
        ("scope", "write", "status"),
        [
            ("duo_chat", completion, 403),
            ("complete_code", generation, 403),
            ("generate_code", completion, 403),
            ("complete_code", completion, 200),
            ("generate_code", generation, 200),
            ("code_suggestions", generation, 200),
        ],
    )
    def test_scopes(self, gateway: RunningGateway, scope: str, write: Any, status: int) -> None:
        with gateway.client(headers=gateway.mint("--scope", scope)) as client:
            answer = ask(client, write())
        assert answer.status_code == status
        if status == 403:
            assert answer.json()["detail"] == "Unauthorized to access code suggestions"
            assert answer.json()["reason"] == "scope_missing"


class TestFallback:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        "behaviour",
        ["fail-503", "fail-500", "fail-401", "fail-404", "fail-429--retry-after-7", "die-before", "too-long"],
    )
    def test_second_candidate_answers(
        self, client: httpx.Client, upstream: RunningUpstream, behaviour: str, stream: bool
    ) -> None:
        first = f"{'gpt' if stream else 'mistral'}--{behaviour}"
        answer = ask(client, prompt(first), prompt("claude", stream=stream))
        assert answer.status_code == 200
        assert (answer.text if stream else answer.json()["response"]) == said("claude-x")
        asked = [request["body"]["model"] for request in upstream.requests()]
        assert list(dict.fromkeys(asked)) == [first, "claude-x"]  # a dead connection is tried once more

    @pytest.mark.parametrize("family", ["claude", "gpt", "gemini", "mistral"])
    def test_stream_that_begins_with_an_error(
        self, client: httpx.Client, upstream: RunningUpstream, family: str
    ) -> None:
        other = "gpt" if family == "claude" else "claude"
        answer = ask(client, prompt(f"{family}--error-event-first", stream=True), prompt(other))
        assert (answer.status_code, answer.text) == (200, said(f"{other}-x"))
        assert len(upstream.requests()) == 2

    @pytest.mark.parametrize("stream", [False, True])
    def test_silent_candidate_leaves_time_for_the_next(self, client: httpx.Client, stream: bool) -> None:
        began = time.monotonic()
        answer = ask(client, prompt(f"{'gemini' if stream else 'claude'}--hang", stream=stream), prompt("gpt"))
        assert (answer.text if stream else answer.json()["response"]) == said("gpt-x")
        assert time.monotonic() - began < 2

    def test_one_deadline_for_all(self, client: httpx.Client) -> None:
        began = time.monotonic()
        answer = ask(client, prompt("claude--slow-5000"), prompt("gpt--hang"), prompt("gemini--slow-5000"))
        assert time.monotonic() - began < 2.5
        assert (answer.status_code, answer.json()["detail"]) == (503, "Inference failed")
        assert answer.json()["reason"] == "provider_timeout"
        assert int(answer.headers["retry-after"]) >= 1

    def test_gitlab_dialect_falls_to_the_models_of_the_feature(self, client: httpx.Client) -> None:
        body = ask(client, completion(model_name="claude--fail-503")).json()
        assert body["metadata"]["model"]["name"] == "qwen-x"

    def test_all_rate_limited(self, client: httpx.Client) -> None:
        first, second = prompt("claude--fail-429--retry-after-30"), prompt("gemini--fail-429--retry-after-7")
        answer = ask(client, first, second)
        assert (answer.status_code, answer.json()["reason"]) == (429, "provider_rate_limited")
        assert answer.json()["detail"] == "Too many requests. Please try again later."
        assert answer.headers["retry-after"] == "7"

    def test_access_log_tells_how_it_was_served(self, client: httpx.Client, gateway: RunningGateway) -> None:
        ask(client, prompt("claude--fail-500"), prompt("gpt"), **{"x-request-id": "for-the-log"})
        (line,) = gateway.access_lines("router", "for-the-log")
        assert (line["status"], line["model"], line["provider"]) == (200, "gpt", "openai")
        assert line["failures"] == ["overloaded: status 500 api_error"]
        assert line["input_tokens"] > 0
        assert gateway.access_lines("provider-anthropic", "for-the-log")[0]["failure"] == "overloaded"
        assert gateway.access_lines("provider-openai", "for-the-log")[0]["status"] == 200
