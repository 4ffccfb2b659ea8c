# SPDX-License-Identifier: Apache-2.0
"""Files that are re-read when they change: routing tables, credentials, keys.

Polled by `stat`, because that also sees how Kubernetes swaps a mounted ConfigMap or Secret (a symlink to a new
directory). A change that cannot be read leaves the last good value serving, and is logged once.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from aigw_kit.metrics import FILE_RELOADS

T = TypeVar("T")
POLL_SECONDS = 0.5

log = logging.getLogger(__name__)


class Watched(Generic[T]):
    """The value that `load` makes of the file's bytes.

    Without a `default` the first read must succeed, or its error is raised. With one, a file that is missing or bad
    leaves the default until it can be read.
    """

    def __init__(self, path: str | Path, load: Callable[[bytes], T], default: T | None = None) -> None:
        self.path = Path(path)
        self._load = load
        self._seen: tuple[int, int, int] | None = None
        self.error = ""
        self.revision = ""  # of the content that is in use, as aigw_contract.plan.revision names it
        if default is not None:
            self.value = default
            self.refresh()
        else:
            self._seen = self._signature()
            self.value = self._read()

    def refresh(self) -> bool:
        """Re-read if the file changed; True if the value is new. Never raises on a bad file."""
        try:
            signature = self._signature()
        except OSError as error:
            self._seen = None  # whatever comes in its place is new
            return self._keep(f"{type(error).__name__}: {error.strerror}")
        try:
            if signature == self._seen:
                return False
            self.value = self._read()
            self._seen = signature  # not before: what failed is tried again, as what it lacked may be elsewhere
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the new content, the old one serves on
            return self._keep(f"{type(error).__name__}: {error}")
        self.error = ""
        log.info("re-read %s", self.path.name)
        FILE_RELOADS.labels(self.path.name, "ok").inc()
        return True

    def _read(self) -> T:
        content = self.path.read_bytes()
        value = self._load(content)
        self.revision = hashlib.sha256(content).hexdigest()[:12]
        return value

    def _keep(self, error: str) -> bool:
        if error != self.error:
            self.error = error
            log.error("%s cannot be used, the last good content serves on: %s", self.path.name, error[:300])
            FILE_RELOADS.labels(self.path.name, "refused").inc()
        return False

    def _signature(self) -> tuple[int, int, int]:
        found = os.stat(self.path)
        return found.st_mtime_ns, found.st_ino, found.st_size


async def watch(*files: Watched[Any]) -> None:
    """Refresh the files twice a second, for as long as the service runs."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        for file in files:
            file.refresh()
