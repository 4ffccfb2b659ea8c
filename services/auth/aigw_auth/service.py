# SPDX-License-Identifier: Apache-2.0
"""The auth service without HTTP: decisions and user tokens from what is known at this moment. Effect."""

import asyncio
import os
import time
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from aigw_auth import issue, metrics, policy
from aigw_auth.issuers import Issuers
from aigw_auth.policy import Verdict
from aigw_auth.settings import AuthServiceSettings, read_settings
from aigw_contract.decisions import Credentials, Decision
from aigw_kit.files import POLL_SECONDS, Watched


class Minted(NamedTuple):
    """`expires_at`: Unix seconds."""

    token: str
    expires_at: int


class AuthService:
    """Raises at construction if the settings file cannot be read; later the last good settings serve on."""

    def __init__(self, settings: AuthServiceSettings) -> None:
        self._file = Watched(settings.settings_file, read_settings)
        self.issuers = Issuers(settings)

    async def run(self) -> NoReturn:
        """Keep every issuer's keys, and follow the settings file, until cancelled."""
        self.issuers.follow(self._file.value)
        try:
            while True:
                await asyncio.sleep(POLL_SECONDS)
                if self._file.refresh():
                    self.issuers.follow(self._file.value)
        finally:
            self.issuers.leave_all()

    def revision(self) -> str:
        """Names the settings in use."""
        return self._file.revision

    async def judge(self, credentials: Credentials) -> Verdict:
        """Who is calling and what that permits; waits for an issuer's keys at most once."""
        verdict = self._judge(credentials)
        if verdict.decision.reason in policy.KEYS_MAY_HELP:
            keys = self.issuers.keys(verdict.decision.issuer)
            if keys is not None and await keys.refetch():
                verdict = self._judge(credentials)
        metrics.DECISIONS.labels(verdict.decision.reason or "allowed").inc()
        return verdict

    async def mint(self, credentials: Credentials, extra: Mapping[str, str]) -> Minted | Decision:
        """A user token, or why there is none."""
        verdict = await self.judge(credentials)
        refused = issue.refuse(verdict, credentials)
        if refused is not None:
            return refused
        signer = self.issuers.signer()
        if signer is None:
            return Decision(False, status=503, reason="signing_key_unavailable", message="Failed to generate JWT")
        jti = os.urandom(16).hex()
        claims = issue.user_claims(verdict, credentials, self._file.value.audience, time.time(), jti, extra)
        return Minted(issue.sign(claims, signer), claims["exp"])

    def _judge(self, credentials: Credentials) -> Verdict:
        return policy.judge(credentials, self.issuers.trusted(), self._file.value.audience)
