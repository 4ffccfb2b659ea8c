# SPDX-License-Identifier: Apache-2.0
"""Where keys come from, how often they are asked for, and what happens when they cannot be had."""

import asyncio
import datetime
import ipaddress
from pathlib import Path

import httpx
import jwt
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from aigw_contract.decisions import Decision
from aigw_contract.table import IssuerTrust
from integration.auth.issuer import Host, serving
from integration.auth.running import KEY, Service, running, trust, until
from unit.auth.making import credentials, jwk, jwks, pem, public_pem, rsa_key

pytestmark = pytest.mark.integration

UNAVAILABLE = Decision(
    False,
    status=503,
    reason="issuer_keys_unavailable",
    message="No keys of the issuer can be had",
)


async def ask_all(service: Service, presented: list[str]) -> list[Decision]:
    """The decisions on many tokens, asked for at the same time."""
    async with httpx.AsyncClient(trust_env=False, headers={"x-aigw-internal-key": KEY}, timeout=15) as client:
        calls = (
            client.post(f"{service.url}/decisions", content=msgspec.json.encode(credentials(one))) for one in presented
        )
        answers = await asyncio.gather(*calls)
    return [msgspec.json.decode(answer.content, type=Decision) for answer in answers]


def unavailable(decision: Decision, issuer: str) -> bool:
    return decision == msgspec.structs.replace(UNAVAILABLE, issuer=issuer)


async def test_a_rotation_causes_one_fetch_however_many_tokens_come(host: Host, home: Path):
    gitlab = host.issuer("rotating", "a")
    with running(home, trust("gitlab", gitlab), env={"AIGW_JWKS_COOLDOWN_SECONDS": "1"}) as service:
        until(lambda: service.ready()[0])
        assert (gitlab.discoveries, gitlab.fetches) == (1, 1)
        gitlab.publish("a", "b")
        gitlab.delay = 0.1
        answers = await ask_all(service, [gitlab.token("b") for _ in range(20)])
        assert all(answer.allowed for answer in answers)
        assert gitlab.fetches == 2

        gitlab.publish("a", "b", "c")
        answers = await ask_all(service, [gitlab.token("c") for _ in range(20)])
        assert {answer.reason for answer in answers} == {"unknown_key"}
        assert gitlab.fetches == 2, "the cool-down holds"

        await asyncio.sleep(1.0)
        answers = await ask_all(service, [gitlab.token("c") for _ in range(20)] + [gitlab.token("a", kid="z")] * 5)
        assert [answer.reason for answer in answers] == [""] * 20 + ["unknown_key"] * 5
        assert gitlab.fetches == 3
        assert service.metric('aigw_jwks_fetches_total{issuer="gitlab",result="ok"}') == 3
        assert service.metric('aigw_jwks_keys{issuer="gitlab"}') == 3


async def test_a_rotation_under_tokens_that_name_no_key(host: Host, home: Path):
    gitlab = host.issuer("nameless", "a")
    with running(home, trust("gitlab", gitlab)) as service:
        until(lambda: service.ready()[0])
        gitlab.publish("b")
        assert service.decide(gitlab.token("b", kid=None)).allowed
        assert service.decide(gitlab.token("a", kid=None)).reason == "unknown_key"
        assert gitlab.fetches == 2


def test_an_issuer_that_is_down_at_the_start(host: Host, home: Path):
    late, good, optional = host.issuer("late", "a"), host.issuer("good", "b"), host.issuer("optional", "c")
    late.down = optional.down = True
    known = (trust("late", late), trust("good", good), trust("optional", optional, required=False))
    with running(home, *known) as service:
        until(lambda: service.decide(good.token("b")).allowed)
        assert service.ready() == (False, ["late"])
        assert unavailable(service.decide(late.token("a")), late.url)
        assert unavailable(service.decide(optional.token("c")), optional.url)
        assert service.client.get("/check").status_code == 401
        late.down = False
        until(lambda: service.ready()[0])
        assert service.decide(late.token("a")).allowed
        assert unavailable(service.decide(optional.token("c")), optional.url)
        assert service.metric('aigw_jwks_fetches_total{issuer="optional",result="status"}') >= 1
        assert service.metric('aigw_jwks_keys{issuer="optional"}') == 0
        failures = [line for line in service.output().splitlines() if "issuer optional" in line]
        assert len(failures) == 1, "a state is logged when it begins, not each time it is met"


def test_an_issuer_that_goes_down_is_believed_for_a_while(host: Host, home: Path):
    fading, good = host.issuer("fading", "a"), host.issuer("good", "b")
    with running(home, trust("fading", fading), trust("good", good), stale_keys_seconds=1.5) as service:
        until(lambda: service.ready()[0])
        fading.down = True
        until(lambda: "issuer fading: its keys cannot be fetched" in service.output())
        assert service.decide(fading.token("a")).allowed
        until(lambda: unavailable(service.decide(fading.token("a")), fading.url))
        assert service.decide(good.token("b")).allowed
        assert service.ready()[0], "a replica that cannot help itself must not be taken away from the other issuers"
        assert service.metric('aigw_jwks_age_seconds{issuer="fading"}') > 1.5
        assert service.metric('aigw_jwks_keys{issuer="fading"}') == 0
        fading.down = False
        until(lambda: service.decide(fading.token("a")).allowed)


def test_an_issuer_that_is_slow_holds_up_only_its_own_tokens(host: Host, home: Path):
    slow, good = host.issuer("slow", "a"), host.issuer("good", "b")
    slow.delay = 1.0
    with running(home, trust("slow", slow), trust("good", good)) as service:
        assert service.decide(good.token("b")).allowed
        assert service.metric('aigw_jwks_fetches_total{issuer="slow",result="ok"}') == 0
        assert service.decide(slow.token("a")).allowed, "a token that comes before the keys waits for them"
        assert slow.fetches == 1


def test_what_an_issuer_must_not_do(host: Host, home: Path):
    """Each of these is refused with its own word, and none of them disturbs the others."""
    bad = {
        name: host.issuer(name, "a")
        for name in ("wrong_issuer", "redirect", "too_large", "unreadable", "no_usable_keys", "status")
    }
    bad["wrong_issuer"].says_issuer = host.url
    with serving() as elsewhere:
        other = elsewhere.issuer("other", "a")
        bad["redirect"].redirect = f"{other.url}/.well-known/openid-configuration"
        bad["too_large"].keys_body = jwks(jwk(rsa_key("a"), "a")) + b" " * 300_000
        bad["unreadable"].keys_body = b"<html>"
        bad["no_usable_keys"].keys_body = jwks({"kty": "oct", "k": "c2VjcmV0", "kid": "a"})
        bad["status"].down = True
        gone = IssuerTrust("unreachable", "https://gone.example.com", jwks_uri="http://127.0.0.1:9/keys")
        known = [trust(name, issuer, required=False) for name, issuer in bad.items()]
        with running(home, *known, msgspec.structs.replace(gone, required=False)) as service:
            for name in (*bad, "unreachable"):
                sample = f'aigw_jwks_fetches_total{{issuer="{name}",result="{name}"}}'
                until(lambda sample=sample: service.metric(sample) >= 1)
            for issuer in bad.values():
                assert unavailable(service.decide(issuer.token("a")), issuer.url)
            assert other.discoveries == other.fetches == 0
            bad["redirect"].redirect = f"{host.url}/moved/.well-known/openid-configuration"
            host.issuer("moved", "a").says_issuer = bad["redirect"].url
            until(lambda: service.decide(bad["redirect"].token("a")).allowed)


def test_keys_from_an_address_or_a_file_without_discovery(host: Host, home: Path):
    direct = host.issuer("direct", "a")
    path = home / "keys.json"
    path.write_bytes(jwks(jwk(rsa_key("b"), "b")))
    offline = IssuerTrust("offline", "https://offline.example.com", jwks_file=str(path))
    known = trust("direct", direct, url="", jwks_uri=f"{direct.url}/keys")
    with running(home, known, offline) as service:
        until(lambda: service.ready()[0])
        assert service.decide(direct.token("a")).allowed
        assert direct.discoveries == 0
        assert service.decide(direct.token("b", iss=offline.issuer)).allowed
        assert service.decide(direct.token("b")).reason == "unknown_key", "keys do not leave their issuer"
        path.write_bytes(jwks(jwk(rsa_key("c"), "c")))
        assert service.decide(direct.token("c", iss=offline.issuer)).allowed
        path.write_bytes(b"broken")
        until(lambda: service.metric('aigw_jwks_fetches_total{issuer="offline",result="file"}') >= 1)
        assert service.decide(direct.token("c", iss=offline.issuer)).allowed


def test_the_settings_may_change_while_it_runs(host: Host, home: Path):
    first, second = host.issuer("first", "a"), host.issuer("second", "b")
    with running(home, trust("first", first)) as service:
        until(lambda: service.ready()[0])
        assert service.decide(second.token("b")).reason == "unknown_issuer"

        service.configure(trust("first", first), trust("second", second))
        until(lambda: service.decide(second.token("b")).allowed)
        assert service.decide(first.token("a")).allowed
        assert first.fetches == 1, "an issuer that stays keeps its keys"

        service.configure(trust("first", first, realms=["saas"]), trust("second", second))
        until(lambda: service.decide(first.token("a")).reason == "realm_not_permitted")
        assert first.fetches == 1

        (home / "auth.json").write_bytes(b'{"issuers": [{"name": "x", "issuer": "y", "url": "z", "algorithms": []}]}')
        until(lambda: "the last good content serves on" in service.output())
        assert service.decide(second.token("b")).allowed

        down = host.issuer("down", "a")
        down.down = True
        service.configure(trust("second", second), trust("down", down))
        until(lambda: service.decide(first.token("a")).reason == "unknown_issuer")
        assert unavailable(service.decide(down.token("a")), down.url)
        assert service.ready() == (True, []), "an issuer that is added does not take the others' service away"
        assert service.metric('aigw_jwks_age_seconds{issuer="first"}') == 0, "its samples go with it"
        assert service.metric('aigw_jwks_age_seconds{issuer="second"}') > 0


def test_the_gateways_own_keys_are_rotated(host: Host, home: Path):
    gitlab = host.issuer("own", "a")
    signing, validation = home / "signing.pem", home / "validation.pem"
    signing.write_bytes(pem(rsa_key("own")))
    validation.write_bytes(public_pem(rsa_key("own")))
    files = {"signing_key_file": str(signing), "validation_key_file": str(validation)}
    with running(home, trust("gitlab", gitlab), **files) as service:
        until(lambda: service.ready()[0])
        body = {"credentials": msgspec.to_builtins(credentials(gitlab.token("a")))}

        def minted() -> str:
            return str(service.client.post("/user-tokens", json=body).json()["token"])

        before = minted()
        signing.write_bytes(pem(rsa_key("b")))
        until(lambda: kid(minted()) != kid(before))
        assert service.decide(before).allowed
        assert service.decide(minted()).allowed


def test_a_service_whose_own_key_cannot_be_used_is_not_ready(host: Host, home: Path):
    gitlab = host.issuer("weak", "a")
    (home / "signing.pem").write_bytes(pem(rsa_key("small", 1024)))
    with running(home, trust("gitlab", gitlab), signing_key_file=str(home / "signing.pem")) as service:
        until(lambda: service.decide(gitlab.token("a")).allowed)
        assert service.ready() == (False, ["gitlab-ai-gateway"])
        body = {"credentials": msgspec.to_builtins(credentials(gitlab.token("a")))}
        answered = service.client.post("/user-tokens", json=body)
        assert (answered.status_code, answered.json()["message"]) == (503, "Failed to generate JWT")
        assert "1024 bits" in service.output()


def test_an_issuer_behind_an_authority_of_its_own(home: Path):
    certificate = home / "server.pem"
    certificate.write_bytes(self_signed())
    with serving(certificate) as host:
        gitlab = host.issuer("gitlab", "a")
        with running(home, trust("gitlab", gitlab), ca_bundle_file=str(certificate)) as service:
            until(lambda: service.ready()[0])
            assert service.decide(gitlab.token("a")).allowed
            service.configure(trust("gitlab", gitlab))
            until(lambda: service.metric('aigw_jwks_fetches_total{issuer="gitlab",result="unreachable"}') >= 1)
            assert "CERTIFICATE_VERIFY_FAILED" in service.output()
            service.configure(trust("gitlab", gitlab), ca_bundle_file=str(home / "not-there.pem"))
            until(lambda: service.metric('aigw_jwks_fetches_total{issuer="gitlab",result="ca_bundle"}') >= 1)


def kid(presented: str) -> str:
    return str(jwt.get_unverified_header(presented)["kid"])


def self_signed() -> bytes:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    private = rsa_key("tls")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer of these tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(private, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM) + pem(private)
