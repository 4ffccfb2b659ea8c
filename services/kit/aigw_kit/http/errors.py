# SPDX-License-Identifier: Apache-2.0
"""How an exchange with an HTTP server fails.

HttpError
├── ConnectFailed       refused, unknown host, TLS handshake, proxy
├── TimedOut            no free connection, no head, or silence for too long
├── ConnectionCut       closed before the response was complete
└── ProtocolViolation   not HTTP, or larger than allowed
"""


class HttpError(Exception):
    """The exchange failed; the message names the phase and never a header or body."""


class ConnectFailed(HttpError):
    pass


class TimedOut(HttpError):
    pass


class ConnectionCut(HttpError):
    """`unanswered`: closed before any byte of the response, so the server may never have read the request."""

    def __init__(self, message: str, *, unanswered: bool = False) -> None:
        super().__init__(message)
        self.unanswered = unanswered


class ProtocolViolation(HttpError):
    pass
