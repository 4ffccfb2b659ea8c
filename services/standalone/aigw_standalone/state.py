# SPDX-License-Identifier: Apache-2.0
"""Where a running gateway can be found by `aigw token` and `aigw ask`: one small file each, readable by its user."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from aigw_standalone.keys import write_private


class Running(NamedTuple):
    """`issuer_key` and `signing_key` are paths of the run directory."""

    url: str
    pid: int
    audience: str
    issuer_key: str
    signing_key: str


def directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "aigw"


def announce(running: Running) -> Path:
    path = directory() / f"{running.pid}.json"
    write_private(path, json.dumps(running._asdict()).encode())
    return path


def find(url: str | None = None) -> Running | None:
    """The gateway at `url`, or the one that was started last; None if none runs."""
    files = sorted(directory().glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files:
        running = _read(path)
        if running is not None and (url is None or running.url == url.rstrip("/")):
            return running
    return None


def _read(path: Path) -> Running | None:
    try:
        running = Running(**json.loads(path.read_bytes()))
        os.kill(running.pid, 0)
    except (OSError, ValueError, TypeError):
        path.unlink(missing_ok=True)  # left by a gateway that could not clean up
        return None
    return running
