# SPDX-License-Identifier: Apache-2.0
"""A lean HTTP/1.1 client for the hot path: one origin, keep-alive pool, deadlines, TLS, proxies.

Reads responses with llhttp (through httptools) on an asyncio Protocol. It does what the data path needs and no more:
no redirects, cookies, content decoding, HTTP/2 or uploads in pieces. Control paths use httpx.
"""

from aigw_kit.http.client import HttpClient
from aigw_kit.http.errors import ConnectFailed, ConnectionCut, HttpError, ProtocolViolation, TimedOut
from aigw_kit.http.response import Headers, Response

__all__ = [
    "ConnectFailed",
    "ConnectionCut",
    "Headers",
    "HttpClient",
    "HttpError",
    "ProtocolViolation",
    "Response",
    "TimedOut",
]
