# SPDX-License-Identifier: Apache-2.0
"""What the router asks of a provider service, and what comes back.

`POST /generate` takes a `Call` and answers an `Answer`, or, with `stream`, frames: any number of `Delta`, then exactly
one `End` or `Broken` (`streams` has their form on the wire). A stream without a last frame was cut.
`POST /embed` takes an `EmbedCall` and answers `Embeddings`. A failed attempt answers with a `Failure` as body and the
status 502, whatever the upstream's own status was.
"""

from typing import Any, Literal

from msgspec import Struct, field

from aigw_contract.failures import Failure

FinishReason = Literal["stop", "length", "content_filter", "tool_use", "other"]
FimFamily = Literal["Codestral", "Qwen", "DeepSeek", "StarCoder", "CodeLlama", "Granite"]


class Message(Struct, omit_defaults=True):
    """One turn. The role `system` may stand anywhere; adapters put it where their provider wants it."""

    role: Literal["system", "user", "assistant"]
    content: str


class Fim(Struct, omit_defaults=True):
    """Code around a cursor, for models that fill in the middle."""

    prefix: str
    suffix: str
    family: FimFamily
    file_name: str = ""


class ModelServer(Struct, omit_defaults=True):
    """A model server that the request itself names, with its key; an empty one means none. Its repr is for logs."""

    endpoint: str  # its base URL
    api_key: str = ""

    def __repr__(self) -> str:
        return "ModelServer(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Call(Struct, omit_defaults=True):
    """One generation. Exactly one of `messages` and `fim` is set."""

    model: str  # the provider's own id
    messages: list[Message] = []
    fim: Fim | None = None
    max_tokens: int = 1024
    temperature: float | None = None  # the provider's own default when absent
    stop: list[str] = []
    stream: bool = False
    at: ModelServer | None = None  # there and nowhere else, in place of the provider's own endpoint and credential


class Usage(Struct, omit_defaults=True):
    """Tokens as the provider counted them; 0 when it did not say."""

    input_tokens: int = 0
    output_tokens: int = 0


class Answer(Struct, omit_defaults=True):
    text: str
    finish_reason: FinishReason = "stop"
    usage: Usage = field(default_factory=Usage)


class Delta(Struct, tag="delta", tag_field="t"):
    text: str


class End(Struct, tag="end", tag_field="t", omit_defaults=True):
    finish_reason: FinishReason = "stop"
    usage: Usage = field(default_factory=Usage)


class Broken(Struct, tag="broken", tag_field="t"):
    failure: Failure


Frame = Delta | End | Broken


class EmbedCall(Struct, omit_defaults=True):
    model: str
    inputs: list[str]
    at: ModelServer | None = None


class Embeddings(Struct, omit_defaults=True):
    vectors: list[list[float]]  # in the order of the inputs
    usage: Usage = field(default_factory=Usage)
