# SPDX-License-Identifier: Apache-2.0
"""The issuers that the settings name, coming and going while the service runs. Effect.

Keys are found by the exact `iss` alone, and each issuer's come from its own source: what one publishes is never known
to another.
"""

import asyncio
from typing import NamedTuple

from aigw_auth.issue import ALGORITHM, Signer
from aigw_auth.keys import IssuerKeys, Timing
from aigw_auth.remote import HttpSource
from aigw_auth.settings import AuthServiceSettings
from aigw_auth.sources import JwksFile, OwnKeys, Source
from aigw_auth.trust import Trusted
from aigw_contract.table import AuthSettings, IssuerTrust


class _Origin(NamedTuple):
    """What an issuer's source is made of: another one means that its keys must be fetched anew."""

    name: str
    issuer: str
    url: str = ""
    jwks_uri: str = ""
    jwks_file: str = ""
    signing_key_file: str = ""


class _Entry(NamedTuple):
    origin: _Origin
    keys: IssuerKeys
    task: "asyncio.Task[None]"


class Issuers:
    """Call `follow` with each new version of the settings, inside the event loop."""

    def __init__(self, settings: AuthServiceSettings) -> None:
        self._refused = frozenset(settings.refused_key_thumbprints)
        self._timing = Timing(
            settings.jwks_refresh_seconds, settings.jwks_cooldown_seconds, settings.jwks_retry_seconds
        )
        self._entries: dict[str, _Entry] = {}  # the exact `iss` -> its keys
        self._been_ready = False

    def follow(self, settings: AuthSettings) -> None:
        """Trust exactly the issuers of the settings. Those that stay as they were keep their keys."""
        wanted = {trust.issuer: (trust, _origin(trust)) for trust in settings.issuers}
        if settings.signing_key_file:
            own = IssuerTrust(settings.audience, settings.audience, algorithms=[ALGORITHM])
            wanted[own.issuer] = (own, _own_origin(settings))
        for issuer, entry in list(self._entries.items()):
            if issuer not in wanted or wanted[issuer][1] != entry.origin:
                self._leave(issuer)
        for trust, origin in wanted.values():
            self._enter(trust, origin, settings)

    def leave_all(self) -> None:
        for issuer in list(self._entries):
            self._leave(issuer)

    def trusted(self) -> dict[str, Trusted]:
        """What may be believed at this moment: the exact `iss` -> keys, algorithms, realms."""
        return {issuer: entry.keys.trusted() for issuer, entry in self._entries.items()}

    def keys(self, issuer: str) -> IssuerKeys | None:
        entry = self._entries.get(issuer)
        return entry.keys if entry is not None else None

    def signer(self) -> Signer | None:
        """What signs user tokens, if the gateway has a key for that."""
        sources = (entry.keys.source for entry in self._entries.values())
        return next((source.signer for source in sources if isinstance(source, OwnKeys)), None)

    async def missing(self) -> list[str]:
        """The required issuers that have never yielded a key, until all have once: from then on none is missing.

        An issuer that is added to a service that is at work must not take the others' service away.
        """
        missing = [e.origin.name for e in self._entries.values() if e.keys.trust.required and not e.keys.ever]
        self._been_ready = self._been_ready or not missing
        return [] if self._been_ready else missing

    def _enter(self, trust: IssuerTrust, origin: _Origin, settings: AuthSettings) -> None:
        entry, stale = self._entries.get(trust.issuer), settings.stale_keys_seconds
        if entry is not None:  # realms, algorithms and the like may be new all the same
            entry.keys.trust, entry.keys.stale = trust, stale
            self._believe(entry.keys, settings)
            return
        keys = IssuerKeys(
            trust,
            self._source(trust, origin, settings),
            self._timing,
            stale,
            own=bool(origin.signing_key_file),
        )
        self._entries[trust.issuer] = _Entry(origin, keys, asyncio.ensure_future(keys.keep_fresh()))

    def _believe(self, keys: IssuerKeys, settings: AuthSettings) -> None:
        """Another file makes the keys that are known no worse; a pod that is about to go may not even have it."""
        if isinstance(keys.source, HttpSource) and keys.source.ca_bundle_file != settings.ca_bundle_file:
            keys.source.ca_bundle_file = settings.ca_bundle_file
            keys.hurry()
        if isinstance(keys.source, OwnKeys) and keys.source.validation_key_file != settings.validation_key_file:
            keys.source.believe(settings.validation_key_file)
            keys.hurry()

    def _leave(self, issuer: str) -> None:
        entry = self._entries.pop(issuer)
        entry.task.cancel()
        entry.keys.forget()

    def _source(self, trust: IssuerTrust, origin: _Origin, settings: AuthSettings) -> Source:
        if origin.signing_key_file:
            return OwnKeys(origin.signing_key_file, settings.validation_key_file, self._refused)
        if trust.jwks_file:
            return JwksFile(trust.jwks_file, self._refused)
        return HttpSource(trust, settings.ca_bundle_file, self._refused)


def _origin(trust: IssuerTrust) -> _Origin:
    return _Origin(trust.name, trust.issuer, trust.url, trust.jwks_uri, trust.jwks_file)


def _own_origin(settings: AuthSettings) -> _Origin:
    return _Origin(settings.audience, settings.audience, signing_key_file=settings.signing_key_file)
