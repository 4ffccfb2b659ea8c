# SPDX-License-Identifier: Apache-2.0
"""What Anthropic's stream may say that recorded ones do not."""

import json

from aigw_contract.calls import Delta
from aigw_providers.anthropic import MessagesDecoder


def event(text: str) -> bytes:
    data = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return b"event: content_block_delta\ndata: " + json.dumps(data).encode() + b"\n\n"


def test_a_delta_of_nothing_is_none() -> None:
    """It would commit this candidate before there is any content."""
    assert MessagesDecoder().feed(event("") + event("a")) == [Delta("a")]
