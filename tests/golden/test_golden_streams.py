# SPDX-License-Identifier: Apache-2.0
"""Recorded streams by provider: the frames that come out, at whatever places the stream was cut."""

from pathlib import Path

import msgspec
import pytest

from aigw_contract.calls import Call, Frame
from aigw_providers.adapter import Decoder
from golden.corpus import ADAPTERS, call_of, expected, name_of, recorded
from golden.reading import at_random, byte_by_byte, read

STREAMS = recorded("streams", "*.sse") + recorded("streams", "*.ndjson")

each_stream = pytest.mark.parametrize("path", STREAMS, ids=name_of)


def decoder_for(path: Path) -> Decoder:
    call = call_of(path)
    assert isinstance(call, Call)
    return ADAPTERS[path.parts[-3]].decoder(call)


def frames_in(path: Path) -> list[Frame]:
    return read(decoder_for(path), [path.read_bytes()])


def test_every_provider_has_recorded_streams() -> None:
    assert {path.parts[-3] for path in STREAMS} == set(ADAPTERS)


def test_no_expectation_is_left_over() -> None:
    recordings = {name_of(path) for path in STREAMS}
    assert {name_of(path) for path in recorded("streams", "*.frames.json")} == recordings


@each_stream
def test_a_stream_gives_its_frames(path: Path) -> None:
    frames = msgspec.to_builtins(frames_in(path))
    assert frames == expected(path.with_suffix(".frames.json"), frames)


@each_stream
def test_byte_by_byte_gives_the_same(path: Path) -> None:
    assert read(decoder_for(path), byte_by_byte(path.read_bytes())) == frames_in(path)


@each_stream
def test_cut_at_random_gives_the_same(path: Path) -> None:
    stream, frames = path.read_bytes(), frames_in(path)
    for seed in range(10):
        assert read(decoder_for(path), at_random(stream, seed)) == frames, f"seed {seed}"


@pytest.mark.parametrize("path", [p for p in STREAMS if p.suffix == ".sse"], ids=name_of)
def test_other_line_ends_give_the_same(path: Path) -> None:
    stream = path.read_bytes().replace(b"\r\n", b"\n")
    closing = b": the reader holds back a CR at the end\r"
    for line_end in (b"\r\n", b"\r"):
        assert read(decoder_for(path), [stream.replace(b"\n", line_end) + closing]) == frames_in(path)
