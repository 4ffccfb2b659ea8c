# SPDX-License-Identifier: Apache-2.0
"""What a provider's module must do. Sans-I/O: bytes and structs in, bytes and structs out.

Four verbs translate a call (`encode`, `decode`, `decoder`, `decode_error`). Two more serve the proxy, through which a
provider's own SDK speaks its own dialect (`proxy_target`, `proxy_error`); a provider without them has no proxy.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

import msgspec

from aigw_contract.calls import Answer, Broken, Call, EmbedCall, Embeddings, Frame
from aigw_contract.errors import UNREADABLE
from aigw_contract.failures import Failure, Kind, UpstreamFailed, kind_of_status
from aigw_contract.table import ProviderSettings

Headers = list[tuple[bytes, bytes]]


class UpstreamRequest(NamedTuple):
    """A POST to the provider. `headers` carry no secret: the relay adds the credential."""

    target: bytes
    headers: Headers
    body: bytes


class Decoder(ABC):
    """Reads one stream. `failed` and `truncated` end it; a decoder is not used after its last frame."""

    @abstractmethod
    def feed(self, chunk: bytes) -> list[Frame]:
        """Frames that are complete now: any number of Delta, at last one End or Broken."""

    def end(self) -> list[Frame]:
        """The upstream closed the stream without the provider's own end."""
        return [Broken(Failure("cut", "the stream ended early"))]


class Adapter(ABC):
    """One provider's dialect. Made once per process, from its settings."""

    endpoint: ClassVar[str] = ""  # the provider's public base URL
    embeds: ClassVar[bool] = False
    needs_credential: ClassVar[bool] = True
    credential_source: ClassVar[Literal["file", "google"]] = "file"
    proxy_up: ClassVar[tuple[bytes, ...]] = ()  # headers of a proxied request that go up
    proxy_down: ClassVar[tuple[bytes, ...]] = ()  # headers of its answer that come back, beside the common ones

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings

    def base_url(self) -> str:
        """Where requests go unless the settings name an endpoint."""
        return self.endpoint

    @abstractmethod
    def encode(self, call: Call | EmbedCall) -> UpstreamRequest:
        """The provider's request. Raises UpstreamFailed(bad_request) for what the provider cannot do."""

    @abstractmethod
    def decode(self, call: Call | EmbedCall, body: bytes) -> Answer | Embeddings:
        """A whole answer with status 200. Raises UpstreamFailed(cut) if it is not in the provider's shape."""

    @abstractmethod
    def decoder(self, call: Call) -> Decoder:
        """A reader for the stream that answers `call`."""

    def decode_error(self, status: int, body: bytes) -> Failure:
        """Classify an answer with a status other than 2xx; the status alone tells unless an adapter knows more."""
        return Failure(kind_of_status(status), f"status {status}")

    def credential_headers(self, secret: str) -> Headers:
        """How the provider wants its credential."""
        return [(b"authorization", b"Bearer " + secret.encode())]

    def proxy_target(self, method: str, path: str, query: bytes) -> bytes | None:
        """The upstream target of a proxied request (`path` begins with a slash), or None if it is not allowed."""
        return None

    def proxy_error(self, status: int, kind: Kind, detail: str) -> bytes:
        """An error body in the provider's own format."""
        return msgspec.json.encode({"error": {"message": detail, "type": kind, "code": status}})

    def proxy_error_event(self, kind: Kind, detail: str) -> bytes:
        """An error inside a stream, in the provider's own format."""
        return b"data: " + self.proxy_error(502, kind, detail) + b"\n\n"


def malformed(detail: str) -> UpstreamFailed:
    """For answers that are not in the provider's shape."""
    return UpstreamFailed(Failure("cut", detail))


def unsupported(detail: str) -> UpstreamFailed:
    """For calls that the provider has no way to serve."""
    return UpstreamFailed(Failure("bad_request", detail))


def decode_as(kind: type[Any], body: bytes) -> Any:
    """Decode a provider's JSON. Raises UpstreamFailed(cut)."""
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        raise malformed(f"the provider's answer could not be read: {type(error).__name__}") from None
