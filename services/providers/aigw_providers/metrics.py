# SPDX-License-Identifier: Apache-2.0
"""What a provider service counts: attempts by outcome, and tokens."""

from time import time

from aigw_contract.calls import Broken, End, Frame, Usage
from aigw_contract.failures import CONSEQUENCES, Failure, Kind
from aigw_kit.tally import Tallies

ATTEMPTS = Tallies("aigw_provider_attempts_total", "Calls to the provider by how they ended", ("provider", "outcome"))
TOKENS = Tallies("aigw_provider_tokens_total", "Tokens as the provider counted them", ("provider", "direction"))


class Observed:
    """The counters of one provider, bound once."""

    def __init__(self, provider: str) -> None:
        self._ok = ATTEMPTS.labels(provider, "ok")
        self._by_kind = {kind: ATTEMPTS.labels(provider, kind) for kind in CONSEQUENCES}
        self._input = TOKENS.labels(provider, "input")
        self._output = TOKENS.labels(provider, "output")
        self.last_success = 0.0  # Unix seconds, 0 for never
        self.last_error: Kind | None = None
        self.last_error_at = 0.0

    def answered(self, usage: Usage) -> None:
        self._ok.inc()
        self.last_success = time()
        self._input.inc(usage.input_tokens)
        self._output.inc(usage.output_tokens)

    def failed(self, failure: Failure) -> None:
        self._by_kind[failure.kind].inc()
        if not failure.by_request:
            self.last_error, self.last_error_at = failure.kind, time()

    def ended(self, last: Frame | None) -> None:
        """A stream ended with this frame."""
        if isinstance(last, End):
            self.answered(last.usage)
        elif isinstance(last, Broken):
            self.failed(last.failure)
