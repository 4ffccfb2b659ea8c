# SPDX-License-Identifier: Apache-2.0
"""The synthetic request on which `Serving` rests: free, unless it is told to ask models."""

from typing import Any

import httpx
import pytest

from gateway.running import RunningGateway
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration


@pytest.fixture
def operator(gateway: RunningGateway) -> dict[str, str]:
    key = (gateway.run_directory / "internal.key").read_text().strip()
    return {**gateway.headers, "x-aigw-internal-key": key}


def probe(gateway: RunningGateway, headers: dict[str, str], body: Any = None) -> httpx.Response:
    with gateway.client(headers=headers) as client:
        return client.post("/probe", json=body) if body is not None else client.post("/probe")


def test_it_costs_nothing(gateway: RunningGateway, operator: dict[str, str], upstream: RunningUpstream) -> None:
    answer = probe(gateway, operator)
    assert answer.status_code == 200
    assert set(answer.json()["providers"]) == {"anthropic", "openai", "vertex", "vllm", "echo"}
    assert "models" not in answer.json()
    assert upstream.requests() == []


def test_models_that_it_names_are_asked(
    gateway: RunningGateway, operator: dict[str, str], upstream: RunningUpstream
) -> None:
    names = ["claude", "qwen", "gemini", "gpt--fail-401", "nobody"]
    answer = probe(gateway, operator, {"models": names})
    assert answer.json()["models"] == {
        "claude": "",
        "qwen": "",
        "gemini": "",
        "gpt--fail-401": "auth: status 401 invalid_api_key",
        "nobody": "there is no such model",
    }
    asked = {request["path"].partition("?")[0]: request["body"] for request in upstream.requests()}
    assert len(asked) == 4
    assert next(body for path, body in asked.items() if path.endswith("/v1/messages"))["max_tokens"] == 16


@pytest.mark.parametrize("left_out", ["x-aigw-internal-key", "Authorization"])
def test_it_is_for_the_operator_alone(gateway: RunningGateway, operator: dict[str, str], left_out: str) -> None:
    headers = {name: value for name, value in operator.items() if name.lower() != left_out.lower()}
    assert probe(gateway, headers, {"models": ["claude"]}).status_code == 401


def test_a_body_of_another_shape_is_refused(gateway: RunningGateway, operator: dict[str, str]) -> None:
    assert probe(gateway, operator, {"models": "claude"}).json()["reason"] == "wrong_shape"
