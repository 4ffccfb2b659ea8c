# SPDX-License-Identifier: Apache-2.0
"""What a look asks of the cluster, and through which addresses a generation is probed."""

import base64
from typing import Any

import pytest

from aigw_operator.api.cluster import Cluster
from aigw_operator.kinds import Kind, Object
from aigw_operator.observe import Asked, _brought, _missing_secrets, _service
from unit.operator.gateways import context

ROUTER: dict[tuple[str, str], Object] = {("Service", "eu-router"): {"spec": {"clusterIP": "10.96.0.7"}}}


def test_a_new_generation_is_probed_through_the_service_too() -> None:
    (found,) = _service(context(), ROUTER, Asked(service=True))
    assert (found.part, found.address, found.name) == ("router", "10.96.0.7", "Service eu-router")


@pytest.mark.parametrize(("known", "asked"), [(ROUTER, Asked()), ({}, Asked(service=True))])
def test_one_that_has_served_is_probed_at_its_pods(known: dict[tuple[str, str], Object], asked: Asked) -> None:
    assert _service(context(), known, asked) == []


class Counting(Cluster):
    """Has what it is given, and counts what is asked."""

    def __init__(self, **secrets: dict[str, str]) -> None:
        self.secrets = secrets
        self.asked: list[tuple[str, str]] = []

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        self.asked.append((kind.kind, name))
        values = self.secrets.get(name)
        if values is None:
            return None
        return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}}


def keyed(name: str) -> dict[str, Any]:
    reference = {"secretRef": {"name": "shared", "key": "k"}}
    return {"name": name, "type": "OpenAI", "credentials": reference}


def test_what_is_brought_is_asked_for_once_in_a_look() -> None:
    """Two places may name one Secret."""
    where = context("keys", {"internal": {"name": "anthropic", "key": "internal"}})
    cluster = Counting(anthropic={"api-key": "v", "internal": "v"})
    assert ("Secret", "anthropic") in _brought(where, cluster)
    assert cluster.asked == [("Secret", "anthropic")]


def test_the_bundle_of_trust_is_brought_too() -> None:
    cluster = Counting(ours={"ca.crt": "pem"})
    assert ("ConfigMap", "ours") in _brought(context("trust", {"caBundle": {"name": "ours", "key": "ca.crt"}}), cluster)


def test_a_secret_without_the_key_is_missing() -> None:
    where = context("providers/2", keyed("openai"))
    assert any(
        "nothing under" in text for text in _missing_secrets(where, _brought(where, Counting(shared={"x": "v"})))
    )
    assert any("no Secret" in text for text in _missing_secrets(where, _brought(where, Counting())))
