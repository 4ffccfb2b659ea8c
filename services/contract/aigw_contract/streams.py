# SPDX-License-Identifier: Apache-2.0
"""How a streamed generation stands on the wire between provider service and router.

Text as UTF-8, as it comes; then the byte 0xFF, which no UTF-8 text holds, and the last frame, an End or a Broken, as
JSON. A body without one was cut. The router passes text on without looking into it.
"""

import msgspec

from aigw_contract.calls import Broken, Delta, End, Frame

LAST = b"\xff"

_encode = msgspec.json.Encoder().encode
_last: "msgspec.json.Decoder[End | Broken]" = msgspec.json.Decoder(End | Broken)


def encode_frames(frames: list[Frame]) -> bytes:
    """A piece of the body."""
    if len(frames) == 1 and type(frames[0]) is Delta:  # as nearly always
        return frames[0].text.encode()
    return b"".join([frame.text.encode() if type(frame) is Delta else LAST + _encode(frame) for frame in frames])


def decode_last(piece: bytes) -> End | Broken:
    """What follows LAST. Raises msgspec's errors for what is not whole."""
    return _last.decode(piece)
