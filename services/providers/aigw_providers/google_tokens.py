# SPDX-License-Identifier: Apache-2.0
"""Where Google's access tokens come from.

A file holds a service account's or an authorized user's JSON, or else a plain access token (short-lived, renewed by
whoever writes the file). Without a file it is what Application Default Credentials find, and only then is a metadata
server asked. google-auth does the signing.
Source: https://google-auth.readthedocs.io and https://google.aip.dev/auth/4110.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

import google.auth
import httpx
import msgspec
from google.auth.exceptions import TransportError
from google.auth.transport import Request, Response
from google.oauth2.credentials import Credentials as UserCredentials
from google.oauth2.service_account import Credentials as ServiceAccountCredentials

from aigw_providers.credentials import CredentialMissing

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
LONGEST_WAIT = 10.0  # seconds for one answer of Google
NEVER = float("inf")

ACCESS_TOKEN = re.compile(rb"[A-Za-z0-9._~+/=-]+")  # RFC 6750; never the piece of a JSON file that is half written

Source = Callable[[Request], tuple[str, float]]
"""Fetches an access token, and when it expires in seconds since the epoch. Raises what google-auth raises."""


def load(content: bytes) -> Source:
    """What the file's content gives tokens from. Raises CredentialMissing, whose message shows nothing of it."""
    content = content.strip()
    if ACCESS_TOKEN.fullmatch(content):
        token = content.decode()
        return lambda _: (token, NEVER)
    try:
        info = msgspec.json.decode(content, type=dict[str, Any])
        return _refreshed(LOADERS[info["type"]](info))
    except KeyError:
        raise CredentialMissing("the credential is neither a service account's nor an authorized user's") from None
    except (ValueError, TypeError, AttributeError):
        raise CredentialMissing("the credential is not what Google issues") from None


def _service_account(info: Mapping[str, Any]) -> Any:
    return ServiceAccountCredentials.from_service_account_info(info, scopes=SCOPES)  # type: ignore[no-untyped-call]


def _authorized_user(info: Mapping[str, Any]) -> Any:
    """Its scopes were fixed when the user consented."""
    return UserCredentials.from_authorized_user_info(info)  # type: ignore[no-untyped-call]


LOADERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "service_account": _service_account,
    "authorized_user": _authorized_user,
}
"""By the `type` in the file. External accounts are not here: their files name programs to run and URLs to call."""


def _refreshed(credentials: Any) -> Source:
    def source(request: Request) -> tuple[str, float]:
        credentials.refresh(request)
        expiry = credentials.expiry  # naive, in UTC
        return credentials.token, expiry.replace(tzinfo=UTC).timestamp() if expiry else NEVER

    return source


def nothing(_: Request) -> tuple[str, float]:
    raise CredentialMissing("the credential of this provider is missing or empty")


class ApplicationDefault:
    """Looks for credentials where Google's tools put them, at last on the metadata server; finds them once."""

    def __init__(self) -> None:
        self._found: Source | None = None

    def __call__(self, request: Request) -> tuple[str, float]:
        if self._found is None:
            credentials, _ = google.auth.default(scopes=SCOPES, request=request)
            self._found = _refreshed(credentials)
        return self._found(request)


class Transport(Request):
    """google-auth's requests over httpx: with our trust, and the proxy that the environment asks for."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> "TransportResponse":
        seconds = min(timeout or LONGEST_WAIT, LONGEST_WAIT)
        try:
            answer = self._client.request(method, url, content=body, headers=headers, timeout=seconds)
        except httpx.HTTPError as error:
            raise TransportError(type(error).__name__) from None  # type: ignore[no-untyped-call]
        return TransportResponse(answer)


class TransportResponse(Response):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.content
