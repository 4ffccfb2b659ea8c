# SPDX-License-Identifier: Apache-2.0
"""Reading a stream as the relay does: up to its last frame, and no further."""

from collections.abc import Iterable, Iterator
from random import Random

from aigw_contract.calls import Broken, Delta, End, Frame
from aigw_providers.adapter import Decoder


def read(decoder: Decoder, chunks: Iterable[bytes]) -> list[Frame]:
    """All frames of a stream that closes after the last chunk."""
    frames: list[Frame] = []
    for chunk in chunks:
        frames += decoder.feed(chunk)
        if (whole := _up_to_the_last(frames)) is not None:
            return whole
    return frames + decoder.end()


def text_of(frames: Iterable[Frame]) -> str:
    return "".join(frame.text for frame in frames if isinstance(frame, Delta))


def _up_to_the_last(frames: list[Frame]) -> list[Frame] | None:
    for at, frame in enumerate(frames):
        if isinstance(frame, (End, Broken)):
            return frames[: at + 1]
    return None


def byte_by_byte(stream: bytes) -> Iterator[bytes]:
    return (stream[at : at + 1] for at in range(len(stream)))


def at_random(stream: bytes, seed: int) -> Iterator[bytes]:
    """Pieces of 1 to 200 bytes, the same for the same seed."""
    random, at = Random(seed), 0
    while at < len(stream):
        size = random.randint(1, 200)
        yield stream[at : at + size]
        at += size
