# SPDX-License-Identifier: Apache-2.0
"""A provider's credential: read from a file, re-read when it changes, and never shown.

Vertex AI's is in `google_credentials`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import time

from aigw_contract.probes import CredentialState
from aigw_kit.files import Watched, watch
from aigw_providers.adapter import Headers

AsHeaders = Callable[[str], Headers]


STATE_TIMEOUT = 1.0  # seconds


class CredentialMissing(Exception):
    """There is none, or it is empty. The message names no secret and no path."""


class Credential(ABC):
    since = 0.0  # Unix seconds

    @abstractmethod
    async def headers(self, timeout: float) -> Headers:
        """What authenticates a request, within so many seconds. Raises CredentialMissing."""

    async def state(self) -> tuple[CredentialState, float]:
        """Whether there is one, and since when (Unix seconds, 0 if nobody knows)."""
        try:
            return ("present" if await self.headers(STATE_TIMEOUT) else "not_needed"), self.since
        except CredentialMissing:
            return "missing", 0.0

    async def keep_fresh(self) -> None:
        """Background work, for as long as the service runs. By default it waits for ever."""
        await asyncio.Event().wait()


class NoCredential(Credential):
    """For model servers that ask for none, and for providers that were given none."""

    def __init__(self, *, needed: bool) -> None:
        self._needed = needed

    async def headers(self, timeout: float) -> Headers:
        if self._needed:
            raise CredentialMissing("no credential is configured for this provider")
        return []


class FileCredential(Credential):
    """The content of a file, without surrounding white space."""

    def __init__(self, path: str, as_headers: AsHeaders) -> None:
        self._as_headers = as_headers
        self.file: Watched[Headers] = Watched(path, self._load, default=[])

    async def headers(self, timeout: float) -> Headers:
        if not self.file.value:
            raise CredentialMissing("the credential of this provider is missing or empty")
        return self.file.value

    async def keep_fresh(self) -> None:
        await watch(self.file)

    def _load(self, content: bytes) -> Headers:
        secret = content.decode("ascii", "strict").strip()
        if not secret or not secret.isprintable():
            raise CredentialMissing("the credential is empty or holds characters that no header can carry")
        self.since = time()
        return self._as_headers(secret)
