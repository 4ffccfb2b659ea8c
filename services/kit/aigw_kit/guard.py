# SPDX-License-Identifier: Apache-2.0
"""The internal credential: services answer only callers that carry it."""

import hmac

from aigw_contract.errors import Refusal
from aigw_contract.headers import INTERNAL_KEY
from aigw_kit.files import Watched
from aigw_kit.request import Request


class NotInternal(Refusal):
    status = 401
    reason = "internal_credential_required"


class InternalKey:
    """The key in a watched file, for the side that sends it and the side that asks for it."""

    def __init__(self, path: str) -> None:
        self.file = Watched(path, _key)

    @property
    def header(self) -> tuple[bytes, bytes]:
        return INTERNAL_KEY, self.file.value

    def require(self, request: Request) -> None:
        """Raises NotInternal unless the request carries the key."""
        if not hmac.compare_digest(request.headers.get(INTERNAL_KEY, b""), self.file.value):
            raise NotInternal("This service answers only the gateway's own parts")


def _key(content: bytes) -> bytes:
    key = content.strip()
    if len(key) < 16:
        raise ValueError("the internal credential must have at least 16 characters")
    return key
