# SPDX-License-Identifier: Apache-2.0
"""Recorded whole answers by provider: the text, the finish reason and the tokens that come out."""

from pathlib import Path

import msgspec
import pytest

from golden.corpus import ADAPTERS, call_of, expected, name_of, recorded

ANSWERS = recorded("answers", "*.body.json")


def test_every_provider_has_recorded_answers() -> None:
    assert {path.parts[-3] for path in ANSWERS} == set(ADAPTERS)


@pytest.mark.parametrize("path", ANSWERS, ids=name_of)
def test_an_answer_is_decoded(path: Path) -> None:
    answer = msgspec.to_builtins(ADAPTERS[path.parts[-3]].decode(call_of(path), path.read_bytes()))
    assert answer == expected(path.with_name(path.name.replace(".body.", ".answer.")), answer)


def test_no_expectation_is_left_over() -> None:
    recordings = {name_of(path) for path in ANSWERS}
    assert {name_of(path) for path in recorded("answers", "*.answer.json")} == recordings
