# SPDX-License-Identifier: Apache-2.0
"""Which models a feature tries, and in which order. Pure: chance comes in as a number."""

from typing import NamedTuple

from aigw_contract.calls import Call
from aigw_contract.table import Choice, FeatureRoute, ModelRoute


class Attempt(NamedTuple):
    """One candidate: a model of the table and the call in words meant for it."""

    model: str
    route: ModelRoute
    call: Call


def order(feature: FeatureRoute, chance: float) -> list[str]:
    """Model names, the one to try first at the head. `chance` is in [0, 1).

    With weights the first is drawn by them and the rest follow by falling weight; without, the order is as written.
    """
    choices = feature.models
    if len(choices) == 1:
        return [choices[0].model]
    if not any(choice.weight for choice in choices):
        return [choice.model for choice in choices]
    first = _draw(choices, chance)
    rest = sorted((c for c in choices if c is not first), key=lambda c: -(c.weight or 0))
    return [first.model, *(choice.model for choice in rest)]


def _draw(choices: list[Choice], chance: float) -> Choice:
    mark = chance * sum(choice.weight or 0 for choice in choices)
    for choice in choices:
        mark -= choice.weight or 0
        if mark < 0:
            return choice
    return choices[-1]
