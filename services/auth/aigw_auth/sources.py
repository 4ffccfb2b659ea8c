# SPDX-License-Identifier: Apache-2.0
"""Where an issuer's keys come from, and those sources that are files: a JWKS, the gateway's own PEM. Effect.

A source is asked (`fetch`) and answers with a KeySet or raises FetchFailed. When to ask, and what to make of a failure,
is decided in `keys`.
"""

from collections.abc import Callable, Collection
from typing import Generic, Protocol, TypeVar

from aigw_auth.issue import Signer, read_signer, read_verifier
from aigw_auth.trust import Key, KeySet, read_jwks
from aigw_kit.files import POLL_SECONDS, Watched

T = TypeVar("T")


class FetchFailed(Exception):
    """`result` is a word of a closed list (a label of a metric), `detail` is for the log."""

    def __init__(self, result: str, detail: str) -> None:
        super().__init__(f"{result}: {detail}"[:300])
        self.result = result


class Source(Protocol):
    @property
    def every(self) -> float | None:
        """Seconds between two looks; None: as the settings say."""

    async def fetch(self) -> KeySet:
        """Raises FetchFailed, and nothing else."""


class JwksFile:
    """The keys in a JWKS file. No network."""

    every = POLL_SECONDS

    def __init__(self, path: str, refused: Collection[str]) -> None:
        self._file: _Late[KeySet] = _Late(path, lambda content: usable(read_jwks(content, refused)))

    async def fetch(self) -> KeySet:
        return self._file.read()


class OwnKeys:
    """The gateway's own keys: the one that signs, and the one that signed before (an empty path: none)."""

    every = POLL_SECONDS

    def __init__(self, signing_key_file: str, validation_key_file: str, refused: Collection[str]) -> None:
        self._refused = refused
        self._signing: _Late[Signer] = _Late(signing_key_file, lambda pem: read_signer(pem, refused))
        self.believe(validation_key_file)

    def believe(self, validation_key_file: str) -> None:
        """What signed before is in this file from now on."""
        self.validation_key_file = validation_key_file
        self._validation: _Late[Key] | None = None
        if validation_key_file:
            self._validation = _Late(validation_key_file, lambda pem: read_verifier(pem, self._refused))

    @property
    def signer(self) -> Signer | None:
        """What signs now; None as long as it could never be read."""
        return self._signing.value

    async def fetch(self) -> KeySet:
        """Both or none: what signs must be among what is believed."""
        validation = [self._validation.read()] if self._validation else []
        return KeySet((self._signing.read().key, *validation))


class _Late(Generic[T]):
    """A watched file that need not be there yet. `value` is the last good one."""

    def __init__(self, path: str, load: Callable[[bytes], T]) -> None:
        self._path = path
        self._load = load
        self._file: Watched[T] | None = None
        self.value: T | None = None

    def read(self) -> T:
        """What is in the file now. Raises FetchFailed."""
        try:
            if self._file is None:
                self._file = Watched(self._path, self._load)
            else:
                self._file.refresh()
        except (OSError, ValueError) as error:
            raise FetchFailed("file", f"{type(error).__name__}: {error}") from None
        if self._file.error:
            failed = FetchFailed("file", self._file.error)
            self._file = None  # a file that comes back just as it was would not be seen as new
            raise failed
        self.value = self._file.value
        return self.value


def usable(found: KeySet) -> KeySet:
    """The set itself. Raises FetchFailed if there is no key in it."""
    if not found.keys:
        raise FetchFailed("no_usable_keys", "; ".join(found.refused) or "the set is empty")
    return found
