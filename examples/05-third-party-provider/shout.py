# SPDX-License-Identifier: Apache-2.0
"""A provider type from another package: any server that speaks like OpenAI, but loud.

It holds only its difference; all else (requests, errors, usage, the end of a stream) it has from OpenAICompatible.
"""

from msgspec.structs import replace

from aigw_contract.calls import Answer, Call, Delta, EmbedCall, Embeddings, Frame
from aigw_providers.adapter import Decoder
from aigw_providers.openai_compatible import OpenAICompatible


class Shout(OpenAICompatible):
    def decode(self, call: Call | EmbedCall, body: bytes) -> Answer | Embeddings:
        answer = super().decode(call, body)
        return replace(answer, text=answer.text.upper()) if isinstance(answer, Answer) else answer

    def decoder(self, call: Call) -> Decoder:
        return ShoutDecoder(super().decoder(call))


class ShoutDecoder(Decoder):
    def __init__(self, quiet: Decoder) -> None:
        self._quiet = quiet

    def feed(self, chunk: bytes) -> list[Frame]:
        return [Delta(frame.text.upper()) if isinstance(frame, Delta) else frame for frame in self._quiet.feed(chunk)]

    def end(self) -> list[Frame]:
        return self._quiet.end()
