# SPDX-License-Identifier: Apache-2.0
"""What goes over a trunk: frames, each of a kind, for the stream of a number, with bytes. Pure.

A frame is nine bytes of head (kind: 1, number: 4, length: 4, big-endian) and then `length` bytes.
"""

from struct import Struct

DATA = 0  # a piece of a body
END = 1  # the body is whole
CUT = 2  # the body ends here and is not whole
STOP = 3  # from here on back: send no more of this body for now …
GO = 4  # … and now again

MOST_BYTES = 16 * 1024 * 1024  # twice what one event of a stream may have
MOST_NUMBER = 2**32 - 1

_HEAD = Struct(">BII")
_unpack, _SIZE = _HEAD.unpack_from, _HEAD.size
head = _HEAD.pack
"""Kind, number, length -> what stands before a frame's bytes; a whole frame if there are none."""


Frame = tuple[int, int, bytes]
"""Kind, number, bytes. No class of its own: one is made for each chunk."""


class BadFrame(Exception):
    """What arrived is no frame, or one too large."""


class Reader:
    """Frames of bytes that arrive in any pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Those that are complete now. Raises BadFrame."""
        if self._rest:
            data = self._rest + data
        found: list[Frame] = []
        at, size = 0, len(data)
        while size - at >= _SIZE:
            kind, number, length = _unpack(data, at)
            if kind > GO or length > MOST_BYTES:
                raise BadFrame
            end = at + _SIZE + length
            if end > size:
                break
            found.append((kind, number, data[at + _SIZE : end]))
            at = end
        self._rest = data[at:]
        return found
