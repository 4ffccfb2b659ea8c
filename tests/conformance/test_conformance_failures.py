# SPDX-License-Identifier: Apache-2.0
"""The failure table, cell by cell: each provider's wording of each kind, and what follows from a kind."""

from typing import get_args

import pytest

from aigw_contract.failures import CONSEQUENCES, Kind, kind_of_status
from aigw_kit.http import ConnectFailed, ConnectionCut, HttpError, ProtocolViolation, TimedOut
from aigw_providers.credentials import CredentialMissing
from aigw_providers.relay import classify
from conformance.dialects import DIALECTS
from conformance.errors import ERRORS, Told

FROM_A_BODY = {"rate_limited", "overloaded", "bad_request", "too_long", "auth", "not_found", "timeout"}
FROM_THE_TRANSPORT = {"cut", "unreachable"}  # a cut stream and a garbled answer are rules of their own

CELLS = [
    pytest.param(name, told, id=f"{name}: {told.kind}: {told.how}")
    for name, all_told in ERRORS.items()
    for told in all_told
]


@pytest.mark.parametrize(("name", "told"), CELLS)
def test_an_error_is_classified(name: str, told: Told) -> None:
    assert DIALECTS[name].adapter.decode_error(told.status, told.body).kind == told.kind


@pytest.mark.parametrize(("name", "told"), CELLS)
def test_what_is_said_of_an_error_names_the_status_and_no_message(name: str, told: Told) -> None:
    detail = DIALECTS[name].adapter.decode_error(told.status, told.body).detail
    assert detail.startswith(f"status {told.status}")
    assert len(detail) < 60
    assert "…" not in detail


@pytest.mark.parametrize("name", DIALECTS)
def test_every_provider_words_every_kind(name: str) -> None:
    assert {told.kind for told in ERRORS[name]} == FROM_A_BODY


def test_every_kind_comes_from_a_body_or_the_transport() -> None:
    assert set(get_args(Kind)) == FROM_A_BODY | FROM_THE_TRANSPORT


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_its_consequence(kind: Kind) -> None:
    next_candidate, counts_against, status, reason, detail = CONSEQUENCES[kind]
    assert status in (422, 429, 503)
    assert reason
    assert detail
    assert next_candidate or not counts_against, "what no other provider could serve is not this one's fault"


def test_there_is_no_consequence_without_a_kind() -> None:
    assert list(CONSEQUENCES) == list(get_args(Kind))
    assert len({consequence.reason for consequence in CONSEQUENCES.values()}) == len(CONSEQUENCES)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimedOut("no head"), "timeout"),
        (ConnectFailed("refused"), "unreachable"),
        (ConnectionCut("closed"), "cut"),
        (ProtocolViolation("not HTTP"), "cut"),
        (CredentialMissing("none"), "auth"),
    ],
)
def test_a_failed_exchange_is_classified(error: HttpError | CredentialMissing, kind: Kind) -> None:
    assert classify(error).kind == kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_request"),
        (401, "auth"),
        (403, "auth"),
        (404, "not_found"),
        (408, "timeout"),
        (409, "bad_request"),
        (413, "too_long"),
        (422, "bad_request"),
        (429, "rate_limited"),
        (500, "overloaded"),
        (502, "overloaded"),
        (503, "overloaded"),
        (504, "timeout"),
        (529, "overloaded"),
    ],
)
def test_a_status_alone_tells_a_kind(status: int, kind: Kind) -> None:
    assert kind_of_status(status) == kind


@pytest.mark.parametrize(("delay", "seconds"), [("12s", 12.0), ("0.5s", 0.5), ("soon", None), ("xs", None), ("", None)])
def test_google_says_when_to_try_again(delay: str, seconds: float | None) -> None:
    body = (
        b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": ['
        b'{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}, '
        b'{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "' + delay.encode() + b'"}]}}'
    )
    assert DIALECTS["VertexAI-gemini"].adapter.decode_error(429, body).retry_after == seconds
