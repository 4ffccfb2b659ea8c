# SPDX-License-Identifier: Apache-2.0
"""How the scripted upstream behaves, read from the model name.

Everything after the first `--` of a model name is a list of behaviours, joined by `--`:
`claude-x--slow-200--fail-429` waits 200 ms and then answers 429.

| Behaviour               | What happens                                                                            |
|-------------------------|-----------------------------------------------------------------------------------------|
| `slow-MS`               | MS milliseconds pass before the first byte (status line included)                       |
| `pace-MS`               | MS milliseconds pass before each content chunk of a stream                              |
| `chunks-N`              | a streamed answer comes in N content chunks (of four characters, unless `bytes-N`)      |
| `bytes-N`               | the answer text is N characters long                                                    |
| `empty`                 | a successful answer without any content                                                 |
| `hang`                  | no byte is ever answered                                                                |
| `hang-after-N`          | a stream falls silent after N content chunks, the connection stays open                 |
| `die-before`            | the connection is reset (TCP RST) before any byte                                       |
| `die-after-N`           | the connection is reset after N content chunks                                          |
| `truncate-after-N`      | a stream ends cleanly for HTTP after N content chunks, without its closing events       |
| `error-event-after-N`   | the provider's in-band error event ends the stream after N content chunks               |
| `error-event-first`     | the in-band error event comes in place of the first content                             |
| `fail-STATUS`           | that HTTP status, with the provider's own body and headers for it                       |
| `retry-after-SECONDS`   | what a 429 says in `retry-after` (unless told: 1, and nothing from Google)              |
| `too-long`              | the provider's "prompt is too long" refusal                                             |
| `expires-SECONDS`       | (token endpoint, in the service account's name) life of the access token                |

N counts content chunks; an answer with fewer is cut after its last one, always before its closing events. Of several
ways to end early the one with the smallest N happens. For an answer which is not streamed `die-after` and
`truncate-after` send half of the body first, `hang-after` is `hang`, and `error-event` is the HTTP status which the
provider uses for "overloaded". A behaviour which is not in this table is refused with 400.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

How = Literal["die", "truncate", "error", "hang"]

DEFAULT_CHUNKS = 5

_FLAGS: dict[str, tuple[str, int | bool]] = {
    "empty": ("empty", True),
    "hang": ("hang", True),
    "die-before": ("die_before", True),
    "error-event-first": ("error_after", 0),
    "too-long": ("too_long", True),
}
_NUMBERED: dict[str, str] = {
    "slow": "slow_ms",
    "pace": "pace_ms",
    "chunks": "chunks",
    "bytes": "bytes",
    "hang-after": "hang_after",
    "die-after": "die_after",
    "truncate-after": "truncate_after",
    "error-event-after": "error_after",
    "fail": "fail",
    "retry-after": "retry_after",
    "expires": "expires",
}
_NUMBERED_FORM = re.compile(r"(?P<name>[a-z-]+)-(?P<number>\d+)")


class Ending(NamedTuple):
    """An early end of an answer: how, and after how many content chunks."""

    after: int
    how: How


@dataclass(frozen=True, slots=True)
class Script:
    """The behaviours one model name asks for."""

    slow_ms: int = 0
    pace_ms: int = 0
    chunks: int | None = None
    bytes: int | None = None
    empty: bool = False
    hang: bool = False
    hang_after: int | None = None
    die_before: bool = False
    die_after: int | None = None
    truncate_after: int | None = None
    error_after: int | None = None
    fail: int | None = None
    retry_after: int | None = None
    too_long: bool = False
    expires: int = 3599
    unknown: str = ""

    @property
    def waits(self) -> bool:
        """Whether time passes before or within the answer."""
        return bool(self.slow_ms or self.pace_ms or self.hang or self.hang_after is not None)

    @property
    def ending(self) -> Ending | None:
        """The early end which comes first, if any."""
        asked: tuple[tuple[int | None, How], ...] = (
            (self.die_after, "die"),
            (self.truncate_after, "truncate"),
            (self.error_after, "error"),
            (self.hang_after, "hang"),
        )
        return min((Ending(after, how) for after, how in asked if after is not None), default=None)


@lru_cache(maxsize=4096)
def script_of(model: str) -> Script:
    """Read the behaviours from a model name."""
    asked: dict[str, Any] = {}
    for word in model.split("--")[1:]:
        name, value = _behaviour(word)
        asked[name] = value
    return Script(**asked)


def _behaviour(word: str) -> tuple[str, int | bool | str]:
    if word in _FLAGS:
        return _FLAGS[word]
    form = _NUMBERED_FORM.fullmatch(word)
    if form is None or form["name"] not in _NUMBERED:
        return "unknown", word
    return _NUMBERED[form["name"]], int(form["number"])
