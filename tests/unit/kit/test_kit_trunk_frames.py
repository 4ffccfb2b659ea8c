# SPDX-License-Identifier: Apache-2.0
"""Frames of a trunk: the same in any pieces, and nothing else is taken for one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_kit.trunk import frames
from aigw_kit.trunk.frames import DATA, GO, MOST_BYTES, MOST_NUMBER, BadFrame, Reader

FRAME = st.tuples(st.integers(DATA, GO), st.integers(0, MOST_NUMBER), st.binary(max_size=200))


@given(st.lists(FRAME, max_size=20), st.lists(st.integers(0, 4000), max_size=12))
def test_frames_are_read_however_they_are_cut(sent: list[frames.Frame], cuts: list[int]) -> None:
    wire = b"".join(frames.head(kind, number, len(data)) + data for kind, number, data in sent)
    places = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    reader = Reader()
    assert [frame for a, b in pairwise(places) for frame in reader.feed(wire[a:b])] == sent


@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_refused(data: bytes) -> None:
    try:
        found = Reader().feed(data)
    except BadFrame:
        return
    assert all(kind <= GO for kind, _, _ in found)


def test_a_frame_too_large_is_refused_before_it_is_here() -> None:
    with pytest.raises(BadFrame):
        Reader().feed(frames.head(DATA, 1, MOST_BYTES + 1))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadFrame):
        Reader().feed(frames.head(GO + 1, 1, 0))
