# SPDX-License-Identifier: Apache-2.0
"""Embedding vectors which follow from the embedded text: the same text, the same unit vector."""

from base64 import b64encode
from functools import lru_cache
from math import sqrt
from random import Random
from struct import pack


@lru_cache(maxsize=1024)
def vector(text: str, dimensions: int) -> tuple[float, ...]:
    """The vector of a text."""
    # A seeded generator keeps equal texts equal; nothing here is secret.
    dice = Random(text)
    raw = [dice.uniform(-1.0, 1.0) for _ in range(dimensions)]
    length = sqrt(sum(value * value for value in raw)) or 1.0
    return tuple(value / length for value in raw)


def packed(values: tuple[float, ...]) -> str:
    """A vector as base64 of little-endian 32-bit floats."""
    return b64encode(pack(f"<{len(values)}f", *values)).decode()
