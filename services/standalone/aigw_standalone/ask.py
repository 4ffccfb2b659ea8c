# SPDX-License-Identifier: Apache-2.0
"""`aigw ask`: a suggestion from the running gateway, as it comes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

TIMEOUT = 90.0


class AskFailed(Exception):
    """One line for the user."""


def for_prompt(prompt: str) -> dict[str, Any]:
    return _envelope("code_editor_generation", {"file_name": "", "prompt": prompt})


def for_file(path: Path, line: int) -> dict[str, Any]:
    """The cursor stands at the end of `line`, counted from 1. Raises AskFailed."""
    try:
        lines = path.read_text().splitlines(keepends=True)
    except OSError as error:
        raise AskFailed(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AskFailed(f"{path}: not UTF-8 text") from None
    if not 1 <= line <= len(lines):
        raise AskFailed(f"{path} has {len(lines)} lines; there is no line {line}")
    above, below = "".join(lines[:line]).removesuffix("\n"), "\n" + "".join(lines[line:])
    content = {"file_name": path.name, "content_above_cursor": above, "content_below_cursor": below}
    return _envelope("code_editor_completion", content)


def stream(url: str, headers: dict[str, str], body: dict[str, Any]) -> Iterator[str]:
    """Text as it arrives. Raises AskFailed, also when the stream breaks off."""
    try:
        with (
            httpx.Client(timeout=TIMEOUT, trust_env=False) as client,
            client.stream("POST", f"{url}/v3/code/completions", headers=headers, json=body) as answer,
        ):
            if answer.status_code != 200:
                raise AskFailed(_refusal(answer))
            yield from answer.iter_text()
    except httpx.HTTPError as error:
        raise AskFailed(f"the answer broke off: {type(error).__name__}") from None


def _envelope(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"prompt_components": [{"type": kind, "payload": payload | {"stream": True}}]}


def _refusal(answer: httpx.Response) -> str:
    answer.read()
    try:
        body = answer.json()
        return f"{body.get('detail') or body.get('error')} ({answer.status_code} {body.get('reason')})"
    except ValueError:
        return f"the gateway answered {answer.status_code}"
