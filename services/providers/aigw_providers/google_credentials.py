# SPDX-License-Identifier: Apache-2.0
"""Vertex AI's credential: an OAuth access token, renewed in the background before it expires.

Where tokens come from is in `google_tokens`; fetching one blocks, so it runs in a thread.
"""

import asyncio
import logging
from time import time
from typing import NamedTuple

import httpx
from google.auth.exceptions import RefreshError

from aigw_contract.table import ProviderSettings
from aigw_kit.files import POLL_SECONDS, Watched
from aigw_kit.tls import client_context
from aigw_providers.adapter import Headers
from aigw_providers.credentials import AsHeaders, Credential, CredentialMissing
from aigw_providers.google_tokens import LONGEST_WAIT, ApplicationDefault, Source, Transport, load, nothing

RENEW_BEFORE = 225.0  # seconds before expiry; metadata servers hand out a new token only in its last four minutes
RETRY_EVERY = 15.0  # seconds between two failed attempts in the background
PAUSE = 1.0  # seconds after a failed attempt in which requests do not start another

log = logging.getLogger(__name__)


class Token(NamedTuple):
    headers: Headers
    expires: float  # seconds since the epoch


class GoogleCredential(Credential):
    """Requests do not wait for a token but for the first. One that cannot be renewed serves until it expires."""

    def __init__(self, settings: ProviderSettings, as_headers: AsHeaders) -> None:
        self._as_headers = as_headers
        self._ca_bundle_file = settings.ca_bundle_file
        path = settings.credential_file
        self._file = Watched[Source](path, load, default=nothing) if path else None
        self._source: Source = self._file.value if self._file else ApplicationDefault()
        self._token = Token([], 0.0)
        self._due = 0.0
        self._not_before = 0.0
        self._renewal: asyncio.Task[None] | None = None

    async def headers(self, timeout: float) -> Headers:
        if self._token.expires <= time() and self._not_before <= time():
            await self._renewed(timeout)
        if self._token.expires <= time():
            raise CredentialMissing("Google gave no access token")
        return self._token.headers

    async def keep_fresh(self) -> None:
        while True:
            self._reread()
            if self._due <= time():
                await self._renewed(LONGEST_WAIT)
            await asyncio.sleep(POLL_SECONDS)

    def _reread(self) -> None:
        if self._file is not None and self._file.refresh():
            self._source = self._file.value
            self._due = self._not_before = 0.0

    async def _renewed(self, timeout: float) -> None:
        """Wait for the one renewal that is under way. Who stops waiting does not stop it."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
        await asyncio.wait([self._renewal], timeout=min(timeout, LONGEST_WAIT))

    async def _renew(self) -> None:
        source = self._source
        try:
            secret, expires = await asyncio.to_thread(self._fetch, source)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the old token serves on and this is tried again
            log.error("no new Google access token: %s", _reason(error))  # noqa: TRY400 - a traceback may show secrets
            self._not_before, self._due = time() + PAUSE, time() + RETRY_EVERY
            return
        if source is self._source:  # else the file changed meanwhile, and the next renewal is due
            self._token = Token(self._as_headers(secret), expires)
            self._due = expires - min(RENEW_BEFORE, (expires - time()) / 2)

    def _fetch(self, source: Source) -> tuple[str, float]:
        """Its trust is made anew each time: it is rare, and sees a CA bundle that was replaced."""
        with httpx.Client(verify=client_context(self._ca_bundle_file)) as client:
            return source(Transport(client))


def _reason(error: Exception) -> str:
    """The kind of error, with OAuth's own code for it; texts from outside stay out of the log."""
    told = error.args[1] if isinstance(error, RefreshError) and len(error.args) > 1 else None
    code = told.get("error") if isinstance(told, dict) else None
    return f"{type(error).__name__} {str(code)[:40]}" if code else type(error).__name__
