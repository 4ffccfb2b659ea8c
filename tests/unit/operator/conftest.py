# SPDX-License-Identifier: Apache-2.0
"""A gateway that serves, for tests of what happens to it."""

import copy
from collections.abc import Iterator

import pytest

from aigw_operator.loop.pace import Outcome
from unit.operator.applied import applied
from unit.operator.edited import BEFORE, USED
from unit.operator.moving import Moving, answering, settle


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moving]:
    """The good gateway, and it serves."""
    made = Moving(copy.deepcopy(BEFORE), *applied().values())
    answering(made, monkeypatch)
    settle(made)
    made.written.clear()
    assert made.look() is Outcome.SETTLED
    assert (made.written, made.table()) == ([], USED)
    return made
