# SPDX-License-Identifier: Apache-2.0
"""Which adapter speaks for a type: the built-in ones, and those that other packages bring."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from aigw_contract.calls import Answer, Broken, Call, Delta, End, Message, Usage
from aigw_contract.checks import check
from aigw_contract.gateway import BUILT_IN_TYPES
from aigw_contract.table import ProviderSettings
from aigw_providers.adapter import Adapter
from aigw_providers.openai_compatible import OpenAICompatible
from aigw_providers.registry import BUILT_IN, GROUP, UnknownProviderType, adapter_class

EXAMPLE = Path(__file__).parents[3] / "examples" / "05-third-party-provider"
CALL = Call("m", [Message("user", "hi")])


def install(project: Path, site: Path) -> None:
    """What an installer would leave of the project's metadata, written by hand."""
    described = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    info = site / f"{described['name'].replace('-', '_')}-{described['version']}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {described['name']}\nVersion: {described['version']}\n"
    )
    points = described["entry-points"][GROUP]
    info.joinpath("entry_points.txt").write_text(
        f"[{GROUP}]\n" + "".join(f"{name} = {reference}\n" for name, reference in points.items())
    )


@pytest.fixture
def shout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adapter:
    install(EXAMPLE, tmp_path)
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.syspath_prepend(tmp_path)
    return adapter_class("example.Shout")(
        ProviderSettings("loud", "example.Shout", endpoint="http://127.0.0.1:8000/v1")
    )


@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_built_in_type_is_found(kind: str) -> None:
    assert issubclass(adapter_class(kind), Adapter)


def test_the_manifest_knows_the_same_types() -> None:
    assert set(BUILT_IN) == set(BUILT_IN_TYPES)


@pytest.mark.parametrize("kind", ["", "Nobody", "example.Nobody", "openai", "aigw_providers.openai:OpenAI"])
def test_an_unknown_type_is_refused_with_those_that_are_known(kind: str) -> None:
    with pytest.raises(UnknownProviderType, match="Anthropic, Echo, OpenAI, OpenAICompatible, VertexAI"):
        adapter_class(kind)


def test_the_example_is_found_by_its_entry_point(shout: Adapter) -> None:
    assert type(shout).__name__ == "Shout"
    assert isinstance(shout, OpenAICompatible)
    with pytest.raises(UnknownProviderType, match=r"VertexAI, example\.Shout"):
        adapter_class("example.Whisper")


def test_the_example_answers_in_capitals(shout: Adapter) -> None:
    body = b'{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}'
    assert shout.decode(CALL, body) == Answer("HI", "stop")
    decoder = shout.decoder(CALL)
    assert decoder.feed(b'data: {"choices": [{"delta": {"content": "hi"}}]}\n\n') == [Delta("HI")]
    assert decoder.feed(b"data: [DONE]\n\n") == [End("other", Usage())]


def test_the_example_has_all_else_from_what_it_resembles(shout: Adapter) -> None:
    assert shout.encode(CALL).target == b"/chat/completions"
    assert json.loads(shout.encode(CALL).body)["model"] == "m"
    assert shout.decode_error(429, b"").kind == "rate_limited"
    (last,) = shout.decoder(CALL).end()
    assert isinstance(last, Broken)


def test_the_examples_gateway_is_without_fault() -> None:
    gateway, faults = check(yaml.safe_load(EXAMPLE.joinpath("gateway.yaml").read_text()))
    assert faults == []
    assert gateway is not None
    assert [provider.type for provider in gateway.spec.providers] == ["example.Shout"]


@pytest.mark.parametrize("reference", ["json:loads", "aigw_providers.adapter:Headers", "aigw_providers.relay:Relay"])
def test_an_entry_point_that_is_no_adapter_is_refused(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(
        f'[project]\nname = "odd"\nversion = "1"\n[project.entry-points."{GROUP}"]\n"odd.Odd" = "{reference}"\n'
    )
    install(tmp_path, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownProviderType, match="does not name a subclass"):
        adapter_class("odd.Odd")
