# SPDX-License-Identifier: Apache-2.0
"""Whether the watch still tells of changes: a list now and then shows what it should have told. Pure."""

from aigw_operator.kinds import Key

DEAF_SECONDS = 180.0


class Hearing:
    """Versions of gateways, as the watch told of them and as a list shows them. Times in seconds."""

    def __init__(self) -> None:
        self._told: dict[Key, str] = {}
        self._missed: dict[Key, tuple[str, float]] = {}

    def told(self, key: Key, version: str) -> None:
        self._told[key] = version
        self._missed.pop(key, None)

    def gone(self, key: Key) -> None:
        self._told.pop(key, None)
        self._missed.pop(key, None)

    def listed(self, found: dict[Key, str], now: float) -> None:
        """What a list shows. One that was told of since is missed no more, nor is one that is gone."""
        missed = {key: version for key, version in found.items() if self._told.get(key) != version}
        known = self._missed
        self._missed = {
            key: known[key] if key in known and known[key][0] == version else (version, now)
            for key, version in missed.items()
        }

    def deaf(self, now: float) -> Key | None:
        """One of which it should have told for minutes. Ask after a list: while the API is away nothing can be told."""
        return next((key for key, (_, since) in self._missed.items() if now - since > DEAF_SECONDS), None)
