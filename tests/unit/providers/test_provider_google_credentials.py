# SPDX-License-Identifier: Apache-2.0
"""Google's credential: tokens from a real token endpoint on loopback, renewed, shared, kept, and never shown."""

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import google.auth
import httpx
import jwt
import pytest
from google.auth.exceptions import DefaultCredentialsError, TransportError

from aigw_contract.table import ProviderSettings
from aigw_kit.tls import client_context
from aigw_providers import google_credentials
from aigw_providers.adapter import Headers
from aigw_providers.credentials import CredentialMissing
from aigw_providers.google_credentials import PAUSE, RENEW_BEFORE, GoogleCredential
from aigw_providers.google_tokens import SCOPES, Transport, load
from unit.providers.google_endpoint import EMAIL, TokenEndpoint, certified, key, service_account

PLAIN = "ya29.a0AS3H6Nx-plain_TOKEN~1/2+3=="


context_of = cache(client_context)  # the system's authorities take a while to read


def bearer(secret: str) -> Headers:
    return [(b"authorization", b"Bearer " + secret.encode())]


class Clock:
    """The real time and as much more as a test wants."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(google_credentials, "time", clock)
    monkeypatch.setattr(google_credentials, "POLL_SECONDS", 0.001)
    return clock


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this machine, and nobody looks for credentials who was not told to."""

    def never(**_: Any) -> Any:
        raise AssertionError("asked for Application Default Credentials")

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(google.auth, "default", never)
    monkeypatch.setattr(google_credentials, "client_context", context_of)


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    endpoint = TokenEndpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def path(tmp_path: Path, endpoint: TokenEndpoint) -> Path:
    path = tmp_path / "very-private.json"
    path.write_text(json.dumps(service_account(endpoint.url)))
    return path


def credential_of(path: Path | str, ca_bundle: Path | str = "") -> GoogleCredential:
    settings = ProviderSettings("vertex", "VertexAI", credential_file=str(path), ca_bundle_file=str(ca_bundle))
    return GoogleCredential(settings, bearer)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_service_account_asks_for_a_token_in_its_name(path: Path, endpoint: TokenEndpoint) -> None:
    assert await credential_of(path).headers(10.0) == bearer("token-1")
    (form,) = endpoint.asked
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    options: Any = {"verify_aud": False}
    claims = jwt.decode(form["assertion"], key().public_key(), algorithms=["RS256"], options=options)
    assert claims["iss"] == EMAIL
    assert claims["scope"] == SCOPES[0]


async def test_a_token_is_asked_for_once(path: Path, endpoint: TokenEndpoint) -> None:
    credential = credential_of(path)
    together = await asyncio.gather(*(credential.headers(10.0) for _ in range(10)))
    assert [*together, await credential.headers(10.0)] == [bearer("token-1")] * 11
    assert len(endpoint.asked) == 1


async def test_who_stops_waiting_does_not_stop_the_others(path: Path, endpoint: TokenEndpoint) -> None:
    endpoint.hold.clear()
    credential = credential_of(path)
    impatient = asyncio.create_task(credential.headers(10.0))
    patient = asyncio.create_task(credential.headers(10.0))
    await until(lambda: endpoint.asked)
    impatient.cancel()
    await asyncio.wait([impatient])
    endpoint.hold.set()
    assert await patient == bearer("token-1")
    assert len(endpoint.asked) == 1


async def test_a_request_waits_no_longer_than_it_has_time(path: Path, endpoint: TokenEndpoint) -> None:
    endpoint.hold.clear()
    with pytest.raises(CredentialMissing):
        await credential_of(path).headers(0.05)
    endpoint.hold.set()


async def test_it_is_renewed_before_it_expires_without_anybody_waiting(
    path: Path, endpoint: TokenEndpoint, clock: Clock
) -> None:
    credential = credential_of(path)
    background = asyncio.create_task(credential.keep_fresh())
    await until(lambda: endpoint.asked)
    assert await credential.headers(10.0) == bearer("token-1")
    clock.ahead = 3600 - RENEW_BEFORE - 10
    await asyncio.sleep(0.01)
    assert len(endpoint.asked) == 1
    endpoint.hold.clear()
    clock.ahead = 3600 - RENEW_BEFORE + 10
    await until(lambda: len(endpoint.asked) == 2)
    assert await credential.headers(10.0) == bearer("token-1")
    endpoint.hold.set()
    async with asyncio.timeout(5):
        while await credential.headers(10.0) != bearer("token-2"):
            await asyncio.sleep(0.001)
    background.cancel()


async def test_a_short_life_is_renewed_at_its_half(path: Path, endpoint: TokenEndpoint, clock: Clock) -> None:
    endpoint.lives = 60
    background = asyncio.create_task(credential_of(path).keep_fresh())
    await until(lambda: endpoint.asked)
    await asyncio.sleep(0.01)
    assert len(endpoint.asked) == 1
    clock.ahead = 31
    await until(lambda: len(endpoint.asked) == 2)
    background.cancel()


async def test_the_old_token_serves_until_it_expires(
    path: Path, endpoint: TokenEndpoint, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    credential = credential_of(path)
    assert await credential.headers(10.0) == bearer("token-1")
    endpoint.status, endpoint.body = 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    background = asyncio.create_task(credential.keep_fresh())
    clock.ahead = 3600 - RENEW_BEFORE + 1
    await until(lambda: len(endpoint.asked) == 2)
    assert await credential.headers(10.0) == bearer("token-1")
    await until(lambda: "RefreshError invalid_grant" in caplog.text)
    background.cancel()
    clock.ahead = 3601
    with pytest.raises(CredentialMissing) as caught:
        await credential.headers(10.0)
    shown = f"{caught.value!r} {caplog.text} {credential!r}"
    assert not [secret for secret in ("token-1", "very-private", EMAIL, "PRIVATE KEY") if secret in shown]


async def test_after_a_failure_requests_do_not_queue_up_for_another(
    path: Path, endpoint: TokenEndpoint, clock: Clock
) -> None:
    endpoint.status, endpoint.body = 401, {"error": "invalid_client"}
    credential = credential_of(path)
    for _ in range(3):
        with pytest.raises(CredentialMissing):
            await credential.headers(10.0)
    assert len(endpoint.asked) == 1
    endpoint.status, endpoint.body = 200, None
    clock.ahead = PAUSE + 1
    assert await credential.headers(10.0) == bearer("token-2")


async def test_an_endpoint_out_of_reach_is_a_missing_credential(path: Path, endpoint: TokenEndpoint) -> None:
    endpoint.close()
    with pytest.raises(CredentialMissing):
        await credential_of(path).headers(10.0)


async def test_an_endpoint_that_answers_nonsense_is_a_missing_credential(path: Path, endpoint: TokenEndpoint) -> None:
    endpoint.body = {"token_type": "Bearer"}
    with pytest.raises(CredentialMissing):
        await credential_of(path).headers(10.0)


async def test_a_request_does_not_wait_for_ever(
    path: Path, endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_credentials, "LONGEST_WAIT", 0.01)
    endpoint.hold.clear()
    credential = credential_of(path)
    with pytest.raises(CredentialMissing):
        await credential.headers(10.0)
    endpoint.hold.set()
    async with asyncio.timeout(5):
        while (found := await _headers_or_none(credential)) is None:
            await asyncio.sleep(0.001)
    assert found == bearer("token-1")
    assert len(endpoint.asked) == 1


async def _headers_or_none(credential: GoogleCredential) -> Headers | None:
    try:
        return await credential.headers(10.0)
    except CredentialMissing:
        return None


async def test_another_file_is_picked_up(path: Path, endpoint: TokenEndpoint, clock: Clock) -> None:
    credential = credential_of(path)
    assert await credential.headers(10.0) == bearer("token-1")
    background = asyncio.create_task(credential.keep_fresh())
    path.write_text(PLAIN + "\n")
    async with asyncio.timeout(5):
        while await credential.headers(10.0) != bearer(PLAIN):
            await asyncio.sleep(0.001)
    path.write_text(json.dumps(service_account(endpoint.url)))
    async with asyncio.timeout(5):
        while await credential.headers(10.0) == bearer(PLAIN):
            await asyncio.sleep(0.001)
    background.cancel()


async def test_a_broken_file_leaves_the_last_good_one(path: Path, endpoint: TokenEndpoint, clock: Clock) -> None:
    credential = credential_of(path)
    background = asyncio.create_task(credential.keep_fresh())
    assert await credential.headers(10.0) == bearer("token-1")
    path.write_text('{"type": "service_acc')
    await asyncio.sleep(0.01)
    endpoint.lives = 7200
    clock.ahead = 3601
    await until(lambda: len(endpoint.asked) == 2)
    assert await credential.headers(10.0) == bearer("token-2")
    background.cancel()


@pytest.mark.parametrize("ahead", [0, 10_000_000])
async def test_a_plain_token_serves_as_long_as_the_file_has_it(tmp_path: Path, clock: Clock, ahead: float) -> None:
    plain = tmp_path / "token"
    plain.write_text(f"\n{PLAIN}\r\n")
    clock.ahead = ahead
    assert await credential_of(plain).headers(10.0) == bearer(PLAIN)


BAD = [
    b"",
    b" \n",
    b"two words",
    b"two\nlines",
    b"\xff\xfe",
    b"caf\xc3\xa9",
    b'{"type": "service_account", "private_key": "sk-unit',
    b'"private_key": "sk-unit"',
    b"[]",
    b"{}",
    b'{"type": 1}',
    b'{"type": ["service_account"]}',
    b'{"type": "service_account"}',
    b'{"type": "service_account", "private_key": "sk-unit", "client_email": "a@b", "token_uri": "http://127.0.0.1"}',
    b'{"type": "authorized_user", "refresh_token": "sk-unit"}',
    b'{"type": "external_account", "credential_source": {"url": "http://169.254.169.254"}}',
    b'{"type": "external_account", "credential_source": {"executable": {"command": "sk-unit"}}}',
    b'{"type": "impersonated_service_account"}',
]


@pytest.mark.parametrize("content", BAD, ids=lambda content: repr(content[:48]))
async def test_a_file_that_holds_no_credential_is_a_missing_one(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bad = tmp_path / "bad"
    bad.write_bytes(content)
    with pytest.raises(CredentialMissing) as caught:
        await credential_of(bad).headers(10.0)
    assert "sk-unit" not in f"{caught.value!r} {caplog.text}"
    with pytest.raises(CredentialMissing) as caught:
        load(content)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "sk-unit" not in repr(caught.value)


async def test_a_file_that_is_not_there_yet(tmp_path: Path, clock: Clock) -> None:
    late = tmp_path / "late"
    credential = credential_of(late)
    with pytest.raises(CredentialMissing):
        await credential.headers(10.0)
    background = asyncio.create_task(credential.keep_fresh())
    late.write_text(PLAIN)
    async with asyncio.timeout(5):
        while await _headers_or_none(credential) != bearer(PLAIN):
            await asyncio.sleep(0.001)
    background.cancel()


@pytest.fixture
def _far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as context:
        context.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_from_greenwich")
def test_an_authorized_user_renews_with_the_refresh_token() -> None:
    """Google's library takes the token endpoint of users from nowhere but itself."""
    asked: list[tuple[str, str]] = []

    class Answer:
        status = 200
        headers: dict[str, str] = {}
        data = b'{"access_token": "token-1", "expires_in": 60, "token_type": "Bearer"}'

    def request(*, method: str, url: str, body: bytes, **_: Any) -> Answer:
        asked.append((url, body.decode()))
        return Answer()

    info = {"type": "authorized_user", "client_id": "id", "client_secret": "se", "refresh_token": "re"}
    source: Any = load(json.dumps(info).encode())
    token, expires = source(request)
    assert token == "token-1"
    assert expires == pytest.approx(time.time() + 60, abs=5)
    ((url, body),) = asked
    assert url == "https://oauth2.googleapis.com/token"
    assert "refresh_token=re" in body
    assert "scope" not in body


@pytest.mark.parametrize("bundle", [True, False])
async def test_the_authority_of_the_settings_is_trusted(tmp_path: Path, bundle: bool) -> None:
    context, authority = certified(tmp_path)
    endpoint = TokenEndpoint(context)
    path = tmp_path / "key.json"
    path.write_text(json.dumps(service_account(endpoint.url)))
    try:
        if bundle:
            assert await credential_of(path, authority).headers(10.0) == bearer("token-1")
        else:
            with pytest.raises(CredentialMissing):
                await credential_of(path).headers(10.0)
    finally:
        endpoint.close()


def test_a_lost_connection_is_what_googles_library_expects() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no route to {request.url}")

    with httpx.Client(transport=httpx.MockTransport(refuse)) as client, pytest.raises(TransportError) as caught:
        Transport(client)("http://metadata.google.internal", timeout=1)
    assert "metadata" not in str(caught.value)


def test_what_googles_library_sends_goes_out_as_it_is() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.content, request.headers["x-goog"]) == ("PUT", b"body", "1")
        return httpx.Response(203, headers={"metadata-flavor": "Google"}, content=b"answer")

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        found = Transport(client)("http://127.0.0.1", "PUT", b"body", {"x-goog": "1"})
    assert (found.status, found.headers["Metadata-Flavor"], found.data) == (203, "Google", b"answer")


DEFAULT = google.auth.default


async def test_without_a_file_it_is_what_googles_tools_left(
    path: Path, endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google.auth, "default", DEFAULT)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    assert await credential_of("").headers(10.0) == bearer("token-1")
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("error", [DefaultCredentialsError, TransportError])
async def test_without_a_file_and_without_a_machine_account_there_is_none(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(**_: Any) -> Any:
        raise error("found /home/very-private nowhere")

    monkeypatch.setattr(google.auth, "default", nothing)
    with pytest.raises(CredentialMissing) as caught:
        await credential_of("").headers(10.0)
    assert "very-private" not in str(caught.value)
