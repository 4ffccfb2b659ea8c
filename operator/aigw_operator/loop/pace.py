# SPDX-License-Identifier: Apache-2.0
"""When to look at a gateway again. Pure.

What woke the operator is told by events; these are the looks that nothing but time brings.
"""

from enum import StrEnum

FIRST_WAIT = 2.0  # seconds until the next look while something is on its way
PATIENCE = 8.0  # a look comes late by at most this part of the time that was waited
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0
SPREAD = 0.1  # of the resync, so that gateways that were made together are not looked at together for ever


class Outcome(StrEnum):
    """What a look found."""

    GONE = "gone"
    SETTLED = "settled"
    WAITING = "waiting"


def pause(outcome: Outcome, waited: float, resync: float, chance: float) -> float | None:
    """Seconds until the next look, None for never.

    `waited`: seconds since anything was heard of the gateway. `chance`: from 0 to 1.
    """
    if outcome is Outcome.GONE:
        return None
    rare = resync * (1 + SPREAD * (2 * chance - 1))
    return rare if outcome is Outcome.SETTLED else min(max(FIRST_WAIT, waited / PATIENCE), rare)


def retry(failures: int) -> float:
    """Seconds until the next look after so many in a row that failed, from 1 on."""
    return float(min(FIRST_RETRY * 2.0 ** min(failures - 1, 16), LONGEST_RETRY))
