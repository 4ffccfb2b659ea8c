# SPDX-License-Identifier: Apache-2.0
"""The object that variables of GitLab's image make, and their secrets, which are never shown."""

import json
from pathlib import Path

import msgspec
import pytest
import yaml

from aigw_contract.gateway import GatewaySpec
from aigw_contract.plan import plan_table
from aigw_contract.table import AuthSettings
from aigw_standalone import environment, plan
from aigw_standalone.keys import Keys
from aigw_standalone.manifest import ECHO, BadManifest, Secrets, parse
from aigw_standalone.wanted import Options, find
from unit.auth.making import public_pem, rsa_key
from unit.contract.good import set_at
from unit.standalone.samples import BASE, KEY, SAMPLES

VALUES = Path(__file__).resolve().parents[3] / "charts" / "ai-gateway" / "values.yaml"


def faults(variables: dict[str, str]) -> list[str]:
    with pytest.raises(BadManifest) as bad:
        environment.read(variables)
    return bad.value.faults


def spec(**variables: str) -> GatewaySpec:
    return environment.read(variables).manifest.gateway.spec


class TestWithoutVariables:
    @pytest.mark.parametrize(
        "variables",
        [{}, {"HF_HOME": "/x", "PATH": "/bin"}, {"ANTHROPIC_API_KEY": " "}, {"ANTHROPIC_BASE_URL": "http://x"}],
        ids=["none", "others", "empty", "without its key"],
    )
    def test_the_built_in_object_stays(self, variables: dict[str, str]) -> None:
        made = environment.read(variables)
        assert (made.document, made.manifest, made.names, made.notes) == (ECHO, parse([ECHO]), [], [])

    def test_a_variable_of_gitlabs_that_makes_nothing_is_told_all_the_same(self) -> None:
        made = environment.read({"AIGW_AUTH__BYPASS_EXTERNAL": "true", "HF_HOME": "/x"})
        assert made.document == ECHO
        assert made.notes == ["ignored: AIGW_AUTH__BYPASS_EXTERNAL (nobody gets past authentication)"]


class TestObject:
    def test_several_providers_serve_each_feature_in_their_order(self) -> None:
        found = spec(ANTHROPIC_API_KEY="a", OPENAI_API_KEY="b", AIGW_VERTEX_TEXT_MODEL__PROJECT="p")
        assert [(p.name, p.type, p.location) for p in found.providers] == [
            ("anthropic", "Anthropic", None),
            ("openai", "OpenAI", None),
            ("vertex", "VertexAI", "global"),
        ]
        for feature in (found.features.code_completions, found.features.code_generations, found.features.chat):
            assert feature is not None
            assert [model.name for model in feature.models] == ["claude", "gpt", "gemini"]

    def test_it_is_what_the_chart_makes(self) -> None:
        """Both ways from GitLab's own lead to the same models and addresses."""
        values = yaml.safe_load(VALUES.read_text())
        found = spec(
            ANTHROPIC_API_KEY="a", OPENAI_API_KEY="b", AIGW_VERTEX_TEXT_MODEL__PROJECT="p", AIGW_GITLAB_URL="https://x"
        )
        models = [values[name]["model"] for name in ("anthropicApiKey", "openaiApiKey", "vertexTextModel")]
        assert [model.id for model in found.models] == models
        assert found.providers[2].location == values["vertexTextModel"]["location"]
        assert str(found.auth.issuers[1].url).rstrip("/") == values["customerPortalUrl"]

    def test_retired_names_lead_to_what_there_is(self) -> None:
        found = spec(ANTHROPIC_API_KEY="a", AIGW_VERTEX_TEXT_MODEL__PROJECT="p")
        table = plan_table(found, {"anthropic": "http://a", "vertex": "http://v"})
        assert table.resolve("claude-2.1", "anthropic") == table.resolve("claude-2") == "claude"
        assert table.resolve("code-gecko", "vertex-ai") == table.resolve("codestral-2501", "vertex-ai") == "gemini"

    @pytest.mark.parametrize(
        "variables",
        [
            {"AIGW_GITLAB_URL": "https://gitlab.example.com", "AIGW_CUSTOM_MODELS__ENABLED": "false"},
            {"AIGW_SELF_SIGNED_JWT__SIGNING_KEY": KEY},
        ],
        ids=["gitlab", "key"],
    )
    def test_without_a_provider_nothing_is_made_up(self, variables: dict[str, str]) -> None:
        assert faults(variables) == [environment.NO_PROVIDER]

    def test_mocked_answers_come_in_place_of_providers(self) -> None:
        made = environment.read({**BASE, "ANTHROPIC_BASE_URL": "http://x", "AIGW_MOCK_MODEL_RESPONSES": "1"})
        assert [provider.type for provider in made.manifest.gateway.spec.providers] == ["Echo"]
        assert made.manifest.secrets == {}
        assert "ignored: ANTHROPIC_API_KEY (AIGW_MOCK_MODEL_RESPONSES answers in its place)" in made.notes
        assert [p.type for p in spec(**BASE, AIGW_MOCK_MODEL_RESPONSES="false").providers] == ["Anthropic"]

    def test_what_means_nothing_alone_is_named(self) -> None:
        notes = environment.read({**BASE, "AIGW_VERTEX_TEXT_MODEL__LOCATION": "x", "OPENAI_BASE_URL": "bad"}).notes
        assert "ignored: OPENAI_BASE_URL (it means nothing without OPENAI_API_KEY)" in notes
        assert any("AIGW_VERTEX_TEXT_MODEL__LOCATION" in note for note in notes)

    def test_every_bad_variable_is_told_at_once(self) -> None:
        bad = {"AIGW_GITLAB_URL": "x", "ANTHROPIC_API_KEY": "a\nb", "AIGW_PROXY_ENDPOINTS__SAAS_ENABLED": "1"}
        assert {fault.split(":")[0] for fault in faults(bad)} == set(bad)


class TestCustomModels:
    """Models that GitLab names in a request, as GitLab's self-hosted image takes them by default."""

    GITLAB = {"AIGW_GITLAB_URL": "https://gitlab.example.com"}

    def endpoints(self, **variables: str) -> list[str] | None:
        """What the provider for them may call; None if there is none."""
        found = [p for p in spec(**variables).providers if p.name == "custom"]
        assert [(p.type, p.endpoint, p.credentials) for p in found] == [("OpenAICompatible", None, None)] * len(found)
        return list(found[0].request_endpoints) if found else None

    def test_a_gitlab_alone_is_enough(self) -> None:
        made = environment.read(self.GITLAB)
        assert made.document["spec"]["providers"] == [
            {"name": "custom", "type": "OpenAICompatible", "requestEndpoints": ["*"]}
        ]
        assert not {"models", "features"} & set(made.document["spec"])
        assert made.names == ["AIGW_GITLAB_URL"]
        assert environment.ANYWHERE in made.notes

    @pytest.mark.parametrize(
        ("variables", "endpoints"),
        [
            ({}, None),
            ({"AIGW_CUSTOM_MODELS__ENABLED": "true"}, ["*"]),
            ({"AIGW_CUSTOM_MODELS__ENABLED": "0"}, None),
            (GITLAB, ["*"]),
            (GITLAB | {"AIGW_CUSTOM_MODELS__ENABLED": " "}, ["*"]),
            (GITLAB | {"AIGW_CUSTOM_MODELS__ENABLED": "false"}, None),
            ({"AIGW_CUSTOM_MODELS__ENDPOINTS": "http://a/v1"}, ["http://a/v1"]),
            (GITLAB | {"AIGW_CUSTOM_MODELS__ENDPOINTS": "http://a/v1, *"}, ["http://a/v1", "*"]),
            ({"AIGW_CUSTOM_MODELS__ENABLED": "no", "AIGW_CUSTOM_MODELS__ENDPOINTS": "http://a/v1"}, None),
            (GITLAB | {"AIGW_MOCK_MODEL_RESPONSES": "true"}, None),
        ],
    )
    def test_where_they_may_be(self, variables: dict[str, str], endpoints: list[str] | None) -> None:
        assert self.endpoints(**BASE, **variables) == endpoints
        notes = environment.read(BASE | variables).notes
        assert (environment.ANYWHERE in notes) == (endpoints == ["*"])

    def test_beside_another_provider_they_are_no_model_of_a_feature(self) -> None:
        found = spec(**BASE, **self.GITLAB)
        assert [provider.name for provider in found.providers] == ["anthropic", "custom"]
        assert [model.provider for model in found.models] == ["anthropic"]

    def test_what_has_no_effect_is_named(self) -> None:
        off = {**BASE, "AIGW_CUSTOM_MODELS__ENABLED": "false", "AIGW_CUSTOM_MODELS__ENDPOINTS": "http://a"}
        why = "AIGW_CUSTOM_MODELS__ENABLED is off"
        assert f"ignored: AIGW_CUSTOM_MODELS__ENDPOINTS ({why})" in environment.read(off).notes
        mocked = {**self.GITLAB, "AIGW_CUSTOM_MODELS__ENABLED": "true", "AIGW_MOCK_MODEL_RESPONSES": "true"}
        why = "AIGW_MOCK_MODEL_RESPONSES answers in its place"
        assert f"ignored: AIGW_CUSTOM_MODELS__ENABLED ({why})" in environment.read(mocked).notes

    def test_a_feature_without_a_model_is_left_out_and_named(self) -> None:
        made = environment.read({**self.GITLAB, "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT": "30"})
        assert "features" not in made.document["spec"]
        assert made.names == ["AIGW_GITLAB_URL"]
        why = "no provider here has models for it"
        assert f"ignored: AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT ({why})" in made.notes


class TestIssuers:
    def trusted(self, **variables: str) -> list[tuple[str, str, list[str], bool]]:
        issuers = spec(**BASE, **variables).auth.issuers
        return [(i.name, str(i.url).rstrip("/"), list(i.realms), i.required) for i in issuers]

    def test_the_portal_is_trusted_as_in_gitlabs_image_and_need_not_be_there(self) -> None:
        assert self.trusted(AIGW_GITLAB_URL="https://gitlab.example.com/") == [
            ("gitlab", "https://gitlab.example.com", ["self-managed"], True),
            ("customers", "https://customers.gitlab.com", ["self-managed"], False),
        ]

    def test_said_to_be_nothing_the_portal_is_not_trusted(self) -> None:
        found = self.trusted(AIGW_GITLAB_URL="https://gitlab.example.com", AIGW_CUSTOMER_PORTAL_URL="")
        assert [name for name, *_ in found] == ["gitlab"]

    def test_nobody_is_trusted_of_whom_nothing_is_said(self) -> None:
        assert self.trusted() == []
        assert "AIGW_GITLAB_URL is not set: no tokens of a GitLab are accepted" in environment.read(BASE).notes

    def test_one_address_twice_is_one_issuer(self) -> None:
        url = "https://gitlab.example.com"
        assert len(self.trusted(AIGW_GITLAB_URL=url, AIGW_CUSTOMER_PORTAL_URL=f"{url}/")) == 1

    def test_gitlab_com_speaks_for_its_own_realm(self) -> None:
        assert self.trusted(AIGW_GITLAB_URL="https://gitlab.com/")[0][2] == ["saas"]


class TestSecrets:
    FULL = {name: text for name, (text, _) in SAMPLES.items() if name != "AIGW_MOCK_MODEL_RESPONSES"}

    @pytest.mark.parametrize(
        "text",
        [KEY, KEY + "\n", KEY.replace("\n", "\\n"), f'"{KEY}"', '"{}"'.format(KEY.replace("\n", "\\n"))],
        ids=["lines", "newline at the end", "escaped", "quoted", "quoted and escaped"],
    )
    def test_a_key_is_read_however_it_is_written(self, text: str) -> None:
        secrets = environment.read({**BASE, "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": text}).manifest.secrets
        assert secrets["user-tokens"] == {"signing.pem": KEY.encode()}

    def test_the_key_before_may_be_its_public_half(self) -> None:
        public = public_pem(rsa_key("validation")).decode()
        made = environment.read({**BASE, "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY": public})
        keys = Keys(*(Path(f"/run/{name}") for name in "abcde"))
        settings = msgspec.json.decode(plan.auth_file(made.manifest, keys), type=AuthSettings)
        assert (settings.signing_key_file, settings.validation_key_file) == ("/run/c", "/run/e")

    def test_without_the_key_before_auth_is_told_of_none(self) -> None:
        keys = Keys(*(Path(f"/run/{name}") for name in "abcde"))
        raw = plan.auth_file(environment.read(BASE).manifest, keys)
        assert msgspec.json.decode(raw, type=AuthSettings).validation_key_file == ""

    def test_none_is_in_the_object_or_in_what_is_printed(self) -> None:
        made = environment.read(self.FULL)
        shown = json.dumps(made.document) + environment.render(made) + "".join(made.notes)
        for secret in (value for secrets in made.manifest.secrets.values() for value in secrets.values()):
            assert secret.decode().split("\n")[-1] not in shown
        assert "PRIVATE" not in shown

    def test_what_is_printed_is_the_object_and_says_where_its_secrets_are(self) -> None:
        made = environment.read(self.FULL)
        printed = environment.render(made)
        assert parse([yaml.safe_load(printed)]).gateway == made.manifest.gateway
        assert "#   user-tokens, key signing.pem: AIGW_SELF_SIGNED_JWT__SIGNING_KEY\n" in printed
        assert environment.render(environment.read({})).startswith("# The built-in object")

    def test_keys_beside_a_file_are_checked_too(self) -> None:
        made = environment.read({**BASE, "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": KEY})
        beside: Secrets = {"user-tokens": {"signing.pem": b"no key"}}
        documents = [{"kind": "Secret", "metadata": {"name": n}, "data": {}, "stringData": {k: v.decode()}}
                     for n, values in beside.items() for k, v in values.items()]  # fmt: skip
        with pytest.raises(BadManifest, match=r"spec\.keys\.signing: not a PEM private key"):
            parse([made.document, *documents])


def test_echo_is_echo_whatever_the_environment_says() -> None:
    options = Options((), True, None, None, None, None, None, False)
    found = find(options, {"ANTHROPIC_API_KEY": "sk-1"})
    assert [provider.type for provider in found.manifest.gateway.spec.providers] == ["Echo"]
    assert found.notes == ()


@pytest.mark.parametrize(
    ("variables", "level"),
    [
        ({}, "WARNING"),
        ({"AIGW_LOGGING__LEVEL": "debug"}, "DEBUG"),
        ({"AIGW_LOGGING__LEVEL": "debug", "AIGW_LOG_LEVEL": "ERROR"}, "ERROR"),
    ],
)
def test_the_log_level_is_the_files_unless_the_environment_says_another(
    tmp_path: Path, variables: dict[str, str], level: str
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(set_at("spec/logging", {"level": "WARNING"})))
    options = Options((file,), False, None, None, None, None, None, False)
    assert find(options, variables).log_level == level
    assert find(options._replace(files=(), echo=True), {}).log_level == "INFO"
