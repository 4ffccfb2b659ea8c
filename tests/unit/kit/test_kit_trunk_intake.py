# SPDX-License-Identifier: Apache-2.0
"""A body over a trunk whose head, end and exchange come in any order, as they have different ways."""

import asyncio
import gc

import pytest

from aigw_kit.http import ConnectionCut, Response, TimedOut
from aigw_kit.trunk.frames import CUT, DATA, END
from aigw_kit.trunk.intake import Intake, ReceivingEnd


class Exchange:
    """The connection of the head. `aborted`: given up by this side."""

    def __init__(self) -> None:
        self.aborted = False

    def allow_silence(self, seconds: float) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True


class Arriving:
    def __init__(self) -> None:
        self.intakes: dict[int, Intake] = {}
        self.end = ReceivingEnd(b"7", self.intakes, lambda: None)
        self.intake = self.intakes[1] = Intake(self.intakes, 1)
        self.exchange = Exchange()
        self.response = Response(self.exchange, asyncio.get_running_loop().create_future(), whole=False, most=100)

    def head(self, end: ReceivingEnd | None = None) -> None:
        self.intake.lead(self.response, b"7", end or self.end)


async def test_frames_sooner_than_the_head_are_kept() -> None:
    arriving = Arriving()
    arriving.end.take(DATA, 1, b"one")
    arriving.end.take(DATA, 1, b"two")
    arriving.end.take(END, 1, b"")
    arriving.head()
    assert await asyncio.wait_for(arriving.response.read(), 1) == b"onetwo"
    assert not arriving.intakes


async def test_what_another_trunk_brings_is_not_of_the_body() -> None:
    """A request that was sent again: the first process had begun to answer it, too."""
    arriving = Arriving()
    other = ReceivingEnd(b"6", arriving.intakes, lambda: None)
    other.take(DATA, 1, b"not ")
    arriving.end.take(DATA, 1, b"one")
    other.take(END, 1, b"")
    arriving.head()
    other.take(DATA, 1, b"mine")
    other.take(CUT, 1, b"")
    arriving.end.take(END, 1, b"")
    assert await asyncio.wait_for(arriving.response.read(), 1) == b"one"


async def test_an_exchange_that_is_over_with_its_head() -> None:
    arriving = Arriving()
    arriving.response.finish()
    arriving.head()
    assert not arriving.response.complete
    arriving.end.take(DATA, 1, b"one")
    arriving.response.close()
    assert not arriving.exchange.aborted  # it may carry another by now
    assert not arriving.intakes


async def test_the_end_over_the_trunk_waits_for_no_exchange() -> None:
    arriving = Arriving()
    arriving.head()
    arriving.end.take(END, 1, b"")
    assert await asyncio.wait_for(arriving.response.read(), 1) == b""
    arriving.response.fail(ConnectionCut("late"))
    assert arriving.response.error is None


async def test_the_last_words_of_a_lost_exchange() -> None:
    arriving = Arriving()
    arriving.head()
    arriving.response.fail(ConnectionCut("lost"))
    arriving.end.take(DATA, 1, b"last")
    arriving.end.take(CUT, 1, b"")
    assert await arriving.response.chunk() == b"last"
    with pytest.raises(ConnectionCut):
        await arriving.response.chunk()


async def test_a_cut_ends_the_exchange() -> None:
    """It may be of another attempt: a request that met a closed connection is sent once more, under its number."""
    arriving = Arriving()
    arriving.head()
    arriving.end.take(CUT, 1, b"")
    assert arriving.exchange.aborted


async def test_time_that_has_run_out_is_not_waited_for() -> None:
    arriving = Arriving()
    arriving.head()
    arriving.response.fail(TimedOut("no more"))
    with pytest.raises(TimedOut):
        await arriving.response.chunk()


async def test_a_trunk_that_is_lost_before_the_head_came() -> None:
    arriving = Arriving()
    arriving.end.take(DATA, 1, b"one")
    arriving.intake.lead(arriving.response, b"7", None)
    assert await arriving.response.chunk() == b"one"
    with pytest.raises(ConnectionCut):
        await arriving.response.chunk()
    assert arriving.exchange.aborted


async def test_a_body_that_came_whole_before_its_trunk_was_lost() -> None:
    arriving = Arriving()
    arriving.end.take(DATA, 1, b"one")
    arriving.end.take(END, 1, b"")
    arriving.intake.lead(arriving.response, b"7", None)
    assert await asyncio.wait_for(arriving.response.read(), 1) == b"one"


async def test_a_piece_of_nothing_is_not_taken_for_the_end() -> None:
    arriving = Arriving()
    arriving.end.take(DATA, 1, b"")
    arriving.head()
    reading = asyncio.create_task(arriving.response.chunk())
    await asyncio.sleep(0)
    arriving.end.take(DATA, 1, b"")
    await asyncio.sleep(0)
    arriving.end.take(DATA, 1, b"one")
    assert await asyncio.wait_for(reading, 1) == b"one"


@pytest.mark.parametrize("ending", ["end", "cut", "trunk lost", "exchange lost", "given up"])
async def test_what_is_over_leaves_nothing_to_the_garbage_collector(ending: str) -> None:
    arriving = Arriving()
    arriving.head()
    match ending:
        case "end" | "cut":
            arriving.end.take(END if ending == "end" else CUT, 1, b"")
        case "trunk lost":
            arriving.end.connection_lost(None)
        case "exchange lost":
            arriving.response.fail(TimedOut("no more"))
        case "given up":
            arriving.response.close()
    assert arriving.response not in gc.get_referents(arriving.intake)


async def test_frames_for_nobody_are_passed_over() -> None:
    arriving = Arriving()
    arriving.end.take(DATA, 2, b"who?")
    arriving.end.take(END, 2, b"")
    assert list(arriving.intakes) == [1]
