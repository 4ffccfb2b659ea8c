# SPDX-License-Identifier: Apache-2.0
"""Models that a request names with an address: this one or a refusal, and never another."""

import json
from typing import Any

import msgspec
import pytest

from aigw_contract.calls import Answer, FimFamily, Message, ModelServer
from aigw_contract.envelope import read_components
from aigw_contract.errors import Forbidden, NotFound, NothingUsable, Refusal, WrongShape
from aigw_contract.table import Choice, FeatureRoute, ModelRoute, ProviderRoute, RequestedRoute, RoutingTable
from aigw_router.api.code import _timeout
from aigw_router.candidates import Attempt
from aigw_router.features import code, code_answer, embeddings, requested

TABLE = RoutingTable(
    providers={
        "vllm": ProviderRoute("OpenAICompatible", "http://v:1"),
        "inner": ProviderRoute("OpenAICompatible", "http://i:1"),
        "custom": ProviderRoute("OpenAICompatible", "http://c:1"),
    },
    models={"qwen": ModelRoute("vllm", "qwen-id"), "other": ModelRoute("vllm", "other-id")},
    aliases={"old": "other"},
    features={
        "code_completions": FeatureRoute(3.0, [Choice("qwen"), Choice("other")]),
        "embeddings": FeatureRoute(5.0, [Choice("qwen")]),
    },
    requested=[
        RequestedRoute("inner", ["http://*.models.svc:8000/v1"], 7.0),
        RequestedRoute("custom", ["https://models.example.com"]),
    ],
)
SERVER = {
    "provider": "litellm",
    "name": "mistral",
    "endpoint": "https://models.example.com/v1/",
    "api_key": "k",
    "identifier": "custom_openai/mistral-small",
}
COMPLETION = {"file_name": "a.rb", "content_above_cursor": "def f", "content_below_cursor": "end"}


def asked(metadata: Any, *, kind: str = "code_editor_completion", **payload: Any) -> code.Asked:
    raw = {"prompt_components": [{"type": kind, "payload": payload or COMPLETION}], "model_metadata": metadata}
    envelope = read_components(json.dumps(raw).encode())
    return code.read(envelope.components, envelope.metadata)


def plan(metadata: Any, *, table: RoutingTable = TABLE, **more: Any) -> list[Attempt]:
    return code.plan(asked(metadata, **more), table, 0.0)


def refused(metadata: Any, table: RoutingTable = TABLE) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        plan(metadata, table=table)
    return refusal.value


class TestRoute:
    def test_it_is_the_one_attempt(self) -> None:
        (attempt,) = plan(SERVER)
        assert (attempt.model, attempt.route) == ("requested", ModelRoute("custom", "mistral-small"))
        assert attempt.call.at == ModelServer("https://models.example.com/v1", "k")
        assert attempt.call.model == "mistral-small"

    def test_the_first_provider_whose_list_has_the_address_takes_it(self) -> None:
        (attempt,) = plan(SERVER | {"endpoint": "http://a.models.svc:8000/v1"})
        assert attempt.route.provider == "inner"
        table = msgspec.structs.replace(TABLE, requested=[RequestedRoute("vllm", ["*"]), *TABLE.requested])
        (attempt,) = plan(SERVER, table=table)
        assert attempt.route.provider == "vllm"

    def test_even_a_model_of_the_gateway_by_that_name_is_not_taken_in_its_place(self) -> None:
        (attempt,) = plan(SERVER | {"identifier": "qwen"}, **COMPLETION, model_name="qwen")
        assert (attempt.route.provider, attempt.call.model) == ("custom", "qwen")

    @pytest.mark.parametrize("provider", ["litellm", "openai", "mistralai", "", None, "of-tomorrow"])
    def test_whatever_the_provider_is_called(self, provider: str | None) -> None:
        assert plan(SERVER | {"provider": provider})[0].call.at is not None

    @pytest.mark.parametrize(
        ("identifier", "model"),
        [
            ("custom_openai/mistral-small", "mistral-small"),
            ("openai/gpt-oss", "gpt-oss"),
            ("openai/openai/gpt-oss", "openai/gpt-oss"),
            ("hosted_vllm/Qwen/Qwen2.5-Coder", "Qwen/Qwen2.5-Coder"),
            ("text-completion-openai/codestral", "codestral"),
            ("text-completion-custom_openai/codestral", "codestral"),
            ("litellm_proxy/x", "x"),
            ("mistralai/Mistral-7B", "mistralai/Mistral-7B"),
            ("Bedrock/x", "Bedrock/x"),
            ("plain", "plain"),
            ("openai", "openai"),
            ("bedrock", "bedrock"),
            ("", "mistral"),
            (None, "mistral"),
        ],
    )
    def test_the_id_is_without_what_litellm_puts_before_it(self, identifier: str | None, model: str) -> None:
        assert plan(SERVER | {"identifier": identifier})[0].call.model == model

    def test_the_time_is_the_providers(self) -> None:
        assert _timeout(TABLE, asked(SERVER | {"endpoint": "http://a.models.svc:8000/v1"})) == 7.0
        assert _timeout(TABLE, asked(SERVER)) == 90.0
        assert _timeout(TABLE, asked(None)) == 3.0

    def test_the_log_has_the_host_alone(self) -> None:
        assert requested.host_of(ModelServer("https://models.example.com/v1/secret", "k")) == "models.example.com"


class TestRefusal:
    def test_a_gateway_that_takes_none(self) -> None:
        refusal = refused(SERVER, msgspec.structs.replace(TABLE, requested=[]))
        assert (type(refusal), refusal.reason) == (Forbidden, "custom_models_disabled")

    def test_an_address_that_is_on_no_list_is_told_by_its_host(self) -> None:
        refusal = refused(SERVER | {"endpoint": "https://evil.example:8443/secret-path", "api_key": "s3cr3t"})
        assert (type(refusal), refusal.reason) == (Forbidden, "model_endpoint_not_allowed")
        assert "evil.example" in refusal.detail
        assert "secret-path" not in refusal.detail
        assert "s3cr3t" not in refusal.detail

    @pytest.mark.parametrize("endpoint", ["x", "http://u:s3cr3t@models.example.com", "http://2130706433", "h" * 300])
    def test_an_address_that_cannot_be_read(self, endpoint: str) -> None:
        refusal = refused(SERVER | {"endpoint": endpoint})
        assert (type(refusal), refusal.reason) == (Forbidden, "model_endpoint_not_allowed")
        assert refusal.detail.startswith("The endpoint of the model ")
        assert "s3cr3t" not in refusal.detail

    @pytest.mark.parametrize(
        "metadata",
        [{"identifier": "bedrock/anthropic.claude"}, {"identifier": "azure/gpt"}, {"identifier": "vertex_ai/gemini"},
         {"identifier": "anthropic/claude"}, {"identifier": "ollama/qwen"}, {"provider": "anthropic"}],
    )  # fmt: skip
    def test_what_speaks_another_dialect_whatever_its_address(self, metadata: dict[str, str]) -> None:
        refusal = refused(SERVER | {"endpoint": "http://bedrock.invalid"} | metadata)
        assert (type(refusal), refusal.reason) == (NothingUsable, "model_dialect_not_supported")

    def test_no_model_at_all(self) -> None:
        assert refused(SERVER | {"identifier": "openai/", "name": ""}).reason == "no_such_model"

    @pytest.mark.parametrize("field", ["identifier", "name", "api_key"])
    def test_what_is_too_long(self, field: str) -> None:
        refusal = refused(SERVER | {field: "s" * 2001})
        assert isinstance(refusal, WrongShape)
        assert "sss" not in refusal.detail


class TestWords:
    def test_a_prompt_that_is_written_is_used_as_it_is(self) -> None:
        metadata = SERVER | {"name": "codestral"}
        (attempt,) = plan(metadata, **COMPLETION, prompt="written", model_name="qwen")
        assert (attempt.call.messages, attempt.call.fim) == ([Message("user", "written")], None)
        (attempt,) = plan(metadata, kind="prompt", content="for claude", model="claude")
        assert attempt.call.messages == [Message("user", "for claude")]

    def test_a_completion_of_a_known_family_is_filled_in(self) -> None:
        (attempt,) = plan(SERVER | {"name": "codestral"})
        assert attempt.call.fim is not None
        assert (attempt.call.fim.family, attempt.call.fim.prefix, attempt.call.fim.suffix) == (
            "Codestral",
            "def f",
            "end",
        )

    def test_any_other_is_asked_by_chat(self) -> None:
        (attempt,) = plan(SERVER)
        assert [message.role for message in attempt.call.messages] == ["system", "user"]
        (attempt,) = plan(SERVER | {"name": "codestral"}, kind="code_editor_generation", **COMPLETION)
        assert attempt.call.fim is None

    @pytest.mark.parametrize(
        ("name", "family"),
        [
            ("codestral", "Codestral"), ("Codestral 22B", "Codestral"), ("codestral_22b", "Codestral"),
            ("codestral-mamba", None), ("codestral-embed", None), ("qwen2.5-coder", "Qwen"),
            ("Qwen2.5-Coder-7B-Instruct", "Qwen"), ("qwen2.5", None), ("qwen3", None), ("deepseekcoder", "DeepSeek"),
            ("deepseek-coder-v2", "DeepSeek"), ("deepseek-r1", None), ("starcoder2", "StarCoder"),
            ("granite-3.3", "Granite"), ("granite-4.0-h", "Granite"), ("granite-8b-code", "StarCoder"),
            ("granite", None), ("codellama", "CodeLlama"), ("CodeLlama-13b", "CodeLlama"), ("codellama-34b", None),
            ("llama3", None), ("mistral", None), ("mixtral", None), ("gpt", None), ("claude_3", None),
            ("general", None), ("my-codestral", None), ("", None),
        ],
    )  # fmt: skip
    def test_a_family_is_known_where_there_is_no_doubt(self, name: str, family: FimFamily | None) -> None:
        assert requested.fim_family(name) == family


class TestAnswer:
    def test_it_names_litellm_and_the_id_that_was_sent(self) -> None:
        what = asked(SERVER)
        attempt = code.plan(what, TABLE, 0.0)[0]
        body = json.loads(code_answer.answer(what, attempt, Answer("x"), TABLE, "id", 1.0))
        assert body["model"] == {"engine": "litellm", "name": "mistral-small", "lang": "ruby"}


class TestGitLabsOwn:
    """Provider `gitlab`: one of the gateway's models, with the others as fallback."""

    def test_the_model_of_that_name_goes_first(self) -> None:
        for identifier in ("other", "old"):
            attempts = plan({"provider": "gitlab", "identifier": identifier})
            assert [a.model for a in attempts] == ["other", "qwen"]
            assert all(a.call.at is None for a in attempts)

    def test_before_the_one_that_the_component_names(self) -> None:
        attempts = plan({"provider": "gitlab", "identifier": "other"}, **COMPLETION, model_name="qwen", prompt="words")
        assert [(a.model, a.call.messages) for a in attempts] == [
            ("other", [Message("user", "words")]),
            ("qwen", [Message("user", "words")]),
        ]

    @pytest.mark.parametrize(
        "metadata",
        [
            None,
            {"provider": "gitlab", "feature_setting": "code_completions"},
            {"provider": "gitlab", "identifier": "claude-of-tomorrow"},
            {"provider": "gitlab", "identifier": "qwen", "endpoint": "http://elsewhere"},
            {"provider": "litellm", "identifier": "other"},
            {"provider": "litellm", "identifier": "other", "endpoint": ""},
            "odd",
        ],
    )
    def test_else_it_is_as_if_nothing_were_said(self, metadata: Any) -> None:
        assert [a.model for a in plan(metadata)] == ["qwen", "other"]

    def test_a_prompt_for_another_model_is_not_sent_to_it(self) -> None:
        with pytest.raises(NothingUsable):
            plan({"provider": "gitlab", "identifier": "other"}, kind="prompt", content="x", model="claude")


class TestEmbeddings:
    def plan(self, metadata: Any, table: RoutingTable = TABLE) -> embeddings.Plan:
        raw = msgspec.json.encode({"content": "text", "model_metadata": metadata})
        return embeddings.plan(msgspec.json.decode(raw, type=embeddings.EmbeddingsRequest), table)

    def test_the_server_that_is_named(self) -> None:
        found = self.plan(SERVER)
        assert (found.model, found.route.provider, found.timeout) == ("requested", "custom", 90.0)
        assert (found.call.model, found.call.at) == ("mistral-small", ModelServer("https://models.example.com/v1", "k"))

    def test_it_needs_no_embeddings_of_the_gateways_own(self) -> None:
        assert self.plan(SERVER, msgspec.structs.replace(TABLE, features={})).call.at is not None

    @pytest.mark.parametrize(
        "metadata", [None, {}, {"provider": "gitlab"}, {"provider": "gitlab", "identifier": "qwen"}]
    )
    def test_the_features_own(self, metadata: Any) -> None:
        found = self.plan(metadata)
        assert (found.model, found.call.at, found.timeout) == ("qwen", None, 5.0)

    @pytest.mark.parametrize(
        "metadata",
        [{"provider": "gitlab", "identifier": "other"}, {"provider": "gitlab", "identifier": "nobody"},
         {"provider": "litellm", "identifier": "qwen"}],
    )  # fmt: skip
    def test_another_model_than_the_index_has_is_never_asked(self, metadata: Any) -> None:
        with pytest.raises(NothingUsable) as refusal:
            self.plan(metadata)
        assert refusal.value.reason == "no_such_model"

    def test_without_any(self) -> None:
        with pytest.raises(NotFound):
            self.plan(None, msgspec.structs.replace(TABLE, features={}))
