# SPDX-License-Identifier: Apache-2.0
"""What a caller is told when every candidate failed: a table, and who may do what."""

import pytest

from aigw_contract.decisions import Decision
from aigw_contract.errors import Forbidden
from aigw_contract.failures import Failure, Kind
from aigw_router.callers import require_scope
from aigw_router.dispatch import exhausted

CASES: list[tuple[list[tuple[Kind, float | None]], int, str, float | None]] = [
    ([("rate_limited", 7.0)], 429, "provider_rate_limited", 7.0),
    ([("rate_limited", 9.0), ("rate_limited", 4.0)], 429, "provider_rate_limited", 4.0),
    ([("rate_limited", None)], 429, "provider_rate_limited", 1.0),
    ([("rate_limited", 30.0), ("overloaded", None)], 503, "provider_overloaded", 30.0),
    ([("overloaded", None), ("rate_limited", 30.0)], 503, "provider_overloaded", 30.0),
    ([("timeout", None)], 503, "provider_timeout", 1.0),
    ([("cut", None), ("unreachable", None)], 503, "provider_unreachable", 1.0),
    ([("overloaded", None), ("bad_request", None)], 422, "provider_rejected_request", None),
    ([("too_long", None)], 422, "prompt_too_long", None),
    ([("auth", None)], 503, "provider_credentials_refused", 1.0),
    ([("not_found", None)], 503, "provider_model_not_found", 1.0),
]


@pytest.mark.parametrize(("failures", "status", "reason", "retry_after"), CASES)
def test_the_callers_answer(
    failures: list[tuple[Kind, float | None]], status: int, reason: str, retry_after: float | None
) -> None:
    refusal = exhausted([Failure(kind, "", wait) for kind, wait in failures])
    assert (refusal.status, refusal.reason, refusal.retry_after) == (status, reason, retry_after)


WANTED = frozenset({"complete_code", "code_suggestions"})


@pytest.mark.parametrize("scopes", [{"complete_code"}, {"code_suggestions", "other"}])
def test_one_of_the_scopes_is_enough(scopes: set[str]) -> None:
    require_scope(Decision(True, scopes=frozenset(scopes)), WANTED, "it", user_tokens=False)


@pytest.mark.parametrize(
    ("caller", "reason"),
    [
        (Decision(True, scopes=frozenset({"duo_chat"})), "scope_missing"),
        (Decision(True), "scope_missing"),
        (Decision(True, scopes=WANTED, user_token=True), "user_token_not_accepted"),
    ],
)
def test_who_may_not_is_told_so(caller: Decision, reason: str) -> None:
    with pytest.raises(Forbidden, match="Unauthorized to access it") as refusal:
        require_scope(caller, WANTED, "it", user_tokens=False)
    assert refusal.value.reason == reason
