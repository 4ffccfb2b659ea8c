# SPDX-License-Identifier: Apache-2.0
"""Providers and keys come and go under load: no request fails, and what never comes up does not take others along."""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cluster import kube
from cluster.asking import Found, Load, ask, wait
from cluster.conftest import Client, Issuer, manifest, secret
from cluster.looking import edit, generation, pods, until_serves, until_settled
from cluster.test_rotations import value

pytestmark = pytest.mark.cluster

ECHO, SECOND = {"name": "echo", "type": "Echo"}, {"name": "second", "type": "Echo"}
NOWHERE = "sha256:" + "0" * 64
AUDIENCE = "gitlab-ai-gateway"


def routed(*providers: dict[str, Any], to: dict[str, Any]) -> dict[str, Any]:
    """Each has a model, and the feature uses that of one."""
    models = [{"name": p["name"], "provider": p["name"], "id": "echo"} for p in providers]
    feature = {"timeout": "3s", "models": [{"name": to["name"]}]}
    return {"providers": [*providers], "models": models, "features": {"codeCompletions": feature}}


def left(namespace: str, gateway: str, provider: str) -> list[str]:
    """What there is of a provider."""
    names = kube.belongings(namespace, gateway).splitlines()
    return [name for name in names if name.endswith(f"-provider-{provider}")]


def until_gone(namespace: str, gateway: str, provider: str) -> None:
    kube.until(f"nothing is left of {provider}", lambda: not left(namespace, gateway, provider), 120)
    assert not pods(namespace, f"provider-{provider}")


def message(namespace: str, gateway: str) -> str:
    """Why it waits for a provider; empty if it does not."""
    found = kube.conditions(namespace, gateway)["Progressing"]
    return str(found["message"]) if found["reason"] == "WaitingForProvider" else ""


def test_a_provider_comes_and_another_goes_under_load(client: Client, issuer: Issuer, gateway: str) -> None:
    """Each edit routes at once to the provider that it adds, and away from the one that it removes."""
    where = client.namespace
    until_settled(gateway, where)
    with Load(client, issuer, gateway) as load:
        until_serves(gateway, where, edit(gateway, where, routed(ECHO, SECOND, to=SECOND)))
        wait(3)
    assert load.found["bad"] == []
    until_serves(gateway, where, edit(gateway, where, routed(ECHO, SECOND, to=ECHO)))
    with Load(client, issuer, gateway) as load:
        until_serves(gateway, where, edit(gateway, where, routed(SECOND, to=SECOND)))
        until_gone(where, gateway, "echo")
    assert load.found["bad"] == []
    assert load.found["good"] > 50


def test_one_edit_replaces_a_provider_under_load_while_routers_are_rolled(
    client: Client, issuer: Issuer, gateway: str
) -> None:
    """Old routers serve for some seconds after they were told to end, with the table that they have.

    One more asks every few seconds, so that they need new connections, too.
    """
    where = client.namespace
    until_settled(gateway, where)
    rolled = {"workloads": {"router": {"annotations": {"roll": "edits"}}}}
    with Load(client, issuer, gateway, grow=4) as load:
        until_serves(gateway, where, edit(gateway, where, routed(SECOND, to=SECOND) | rolled))
        until_gone(where, gateway, "echo")
        wait(2)
    assert load.found["bad"] == []


NOTHING = {"name": "second", "type": "nobody.Nothing"}
NEVER: list[dict[str, Any]] = [
    routed(ECHO, NOTHING, to=NOTHING),
    routed(SECOND, to=SECOND) | {"images": {"digests": {"providers": NOWHERE}}},
]
"""A type that no package brings; an image that cannot be pulled, while the edit removes the provider that is there."""


@pytest.mark.parametrize("never", NEVER, ids=["of no package", "of no image"])
def test_a_provider_that_never_comes_up_takes_nothing_along(
    client: Client, issuer: Issuer, gateway: str, never: dict[str, Any]
) -> None:
    where = client.namespace
    until_settled(gateway, where)
    before = generation(gateway, where)
    with Load(client, issuer, gateway) as load:
        edited = edit(gateway, where, never)
        kube.until("the status names it", lambda: "provider-second" in message(where, gateway), 30)
        wait(30)
        status = kube.get("aigateway", gateway, "-n", where)["status"]
        assert (status["observedGeneration"], status["appliedGeneration"]) == (edited, before)
        serving = kube.conditions(where, gateway)["Serving"]
        assert (serving["status"], serving["observedGeneration"]) == ("True", before)
        back = edit(gateway, where, manifest(gateway, where, issuer)["spec"] | {"images": None})
        until_serves(gateway, where, back, 60)
        until_gone(where, gateway, "second")
    assert load.found["bad"] == []
    assert load.found["good"] > 200


class UserTokens(Issuer):
    """As the gateway's own, signed with its key."""

    def __init__(self, namespace: str, gateway: str) -> None:
        self._pem = value(namespace, f"{gateway}-signing", "signing.pem")

    def token(self, *scopes: str) -> str:
        now = int(time.time())
        claims = {
            "iss": AUDIENCE,
            "aud": AUDIENCE,
            "sub": "",
            "iat": now,
            "nbf": now - 5,
            "exp": now + 3600,
            "jti": "1",
        }
        return jwt.encode(claims | {"scopes": list(scopes or ("complete_code",))}, self._pem, "RS256")


def test_a_validation_key_is_added_under_load(client: Client, issuer: Issuer, gateway: str) -> None:
    """Each decision is asked for anew, of old and new pods, about tokens of the gateway's own."""
    where = client.namespace
    auth = manifest(gateway, where, issuer)["spec"]["auth"]
    until_serves(gateway, where, edit(gateway, where, {"auth": {**auth, "decisionCache": "0s"}}))
    until_settled(gateway, where)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    kube.apply(secret("previous", where, validation=pem))
    users, before = UserTokens(where, gateway), pods(where, "auth")
    assert not_believed(ask(client, users, gateway)) == []
    with Load(client, issuer, gateway) as instance, Load(client, users, gateway) as user:
        added = edit(gateway, where, {"keys": {"validation": {"name": "previous", "key": "validation"}}})
        until_serves(gateway, where, added)
        until_settled(gateway, where)
        assert not before & pods(where, "auth")
        until_serves(gateway, where, edit(gateway, where, {"keys": None}))
        until_settled(gateway, where)
    assert instance.found["bad"] == []
    assert not_believed(user.found) == []
    assert len(user.found["bad"]) > 50


def not_believed(found: Found) -> list[str]:
    """Of requests with user tokens: code suggestions are not for those, which is said of one that is believed."""
    return [why for why in found["bad"] if "user_token_not_accepted" not in why]
