# SPDX-License-Identifier: Apache-2.0
"""The order in which models are tried."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aigw_contract.table import Choice, FeatureRoute
from aigw_router.candidates import order

choices = st.lists(st.integers(0, 100), min_size=1, max_size=6).map(
    lambda weights: [Choice(f"m{at}", weight) for at, weight in enumerate(weights)]
)


@given(choices, st.floats(0, 1, exclude_max=True))
def test_every_model_is_a_candidate_exactly_once(models: list[Choice], chance: float) -> None:
    assert sorted(order(FeatureRoute(1, models), chance)) == sorted(c.model for c in models)


@given(choices, st.floats(0, 1, exclude_max=True))
def test_a_model_without_weight_is_never_first_while_others_have_one(models: list[Choice], chance: float) -> None:
    first = order(FeatureRoute(1, models), chance)[0]
    weights = {c.model: c.weight for c in models}
    assert weights[first] or not any(weights.values())


def test_the_shares_are_the_weights() -> None:
    feature = FeatureRoute(1, [Choice("a", 90), Choice("b", 10)])
    firsts = Counter(order(feature, step / 1000)[0] for step in range(1000))
    assert firsts == {"a": 900, "b": 100}


def test_without_weights_the_order_is_as_written() -> None:
    assert order(FeatureRoute(1, [Choice("b"), Choice("a"), Choice("c")]), 0.99) == ["b", "a", "c"]
