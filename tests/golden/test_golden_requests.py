# SPDX-License-Identifier: Apache-2.0
"""Request by provider: what goes up for each call of the corpus, field by field."""

import json
from typing import Any

import pytest

from aigw_contract.calls import Call, EmbedCall
from aigw_contract.failures import UpstreamFailed
from aigw_providers.adapter import Adapter
from golden.corpus import ADAPTERS, CALLS, DATA, expected


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("provider", ADAPTERS)
def test_a_call_is_encoded_as_the_provider_documents_it(provider: str, call: str) -> None:
    path = DATA / provider / "requests.json"
    everything = {name: sent(ADAPTERS[provider], each) for name, each in CALLS.items()}
    assert everything[call] == expected(path, everything)[call]


@pytest.mark.parametrize("provider", ADAPTERS)
def test_no_expectation_is_left_over(provider: str) -> None:
    assert set(json.loads((DATA / provider / "requests.json").read_text("utf-8"))) == set(CALLS)


def sent(adapter: Adapter, call: Call | EmbedCall) -> dict[str, Any]:
    """The request, readable; or why there is none."""
    try:
        target, headers, body = adapter.encode(call)
    except UpstreamFailed as failed:
        return {"refused": failed.failure.kind, "detail": failed.failure.detail}
    return {
        "target": target.decode(),
        "headers": {name.decode(): value.decode() for name, value in headers},
        "body": json.loads(body),
    }
