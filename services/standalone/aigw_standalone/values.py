# SPDX-License-Identifier: Apache-2.0
"""From the text of a variable to what the AIGateway object holds. Pure.

Each reader raises ValueError whose text tells what is wrong and holds nothing of the value, which may be a secret.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, HttpUrl, TypeAdapter, ValidationError

from aigw_auth.issue import read_signer, read_verifier
from aigw_contract.endpoints import ANY, parse_entry
from aigw_contract.shape import Text

Reader = Callable[[str], Any]

_ADDRESS: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)
_TEXT: TypeAdapter[str] = TypeAdapter(Text)
_SWITCH: TypeAdapter[bool] = TypeAdapter(bool)
_PORT: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0, le=65535)])
_SECONDS: TypeAdapter[float] = TypeAdapter(Annotated[float, Field(ge=0.001, le=3600, allow_inf_nan=False)])
_LEVEL: TypeAdapter[str] = TypeAdapter(Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])


def address(value: str) -> str:
    """A URL, without the slash at its end."""
    url = _checked(_ADDRESS, value)
    if url.username or url.password:
        raise ValueError("must hold no user name and no password")
    return value.rstrip("/")


def text(value: str) -> str:
    return str(_checked(_TEXT, value))


def port(value: str) -> int:
    return int(_checked(_PORT, value))


def log_level(value: str) -> str:
    return str(_checked(_LEVEL, value.upper()))


def switch(value: str) -> bool:
    return bool(_checked(_SWITCH, value))


def echo(value: str) -> str | None:
    """The provider type that answers without a model, if that is what is wanted."""
    return "Echo" if switch(value) else None


def any_endpoint(value: str) -> list[str] | None:
    """The list that has every address in it, if that is what is wanted."""
    return [ANY] if switch(value) else None


def endpoints(value: str) -> list[str]:
    """Addresses and patterns, with commas between them."""
    entries = [entry.strip() for entry in value.split(",")]
    for number, entry in enumerate(entries, 1):
        try:
            parse_entry(entry)
        except ValueError as error:
            raise ValueError(f"entry {number} {error}") from None
    return entries


def duration(value: str) -> str:
    """Seconds, as a duration of the object: `30` -> 30s, `2.5` -> 2500ms."""
    seconds = _checked(_SECONDS, value)
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{round(seconds * 1000)}ms"


def token(value: str) -> bytes:
    """A provider's key, as it goes into a header."""
    if not (value.isascii() and value.isprintable()):
        raise ValueError("holds characters that no header can carry")
    return value.encode()


def json_key(value: str) -> bytes:
    """The key of a Google service account, which is JSON."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(found, dict) or "type" not in found:
        raise ValueError("is not the JSON key of a Google account")
    return value.encode()


def signing_key(value: str) -> bytes:
    """PEM of an RSA key that is private, long enough, and known to nobody else."""
    pem = _pem(value)
    read_signer(pem)
    return pem


def validation_key(value: str) -> bytes:
    """PEM of an RSA key, either half."""
    pem = _pem(value)
    read_verifier(pem)
    return pem


def _pem(value: str) -> bytes:
    r"""Many tools cannot hold a line break in a variable: they write \n, and quotes around it."""
    return value.strip("\"'").replace("\\n", "\n").encode()


def _checked(adapter: TypeAdapter[Any], value: str) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        message = error.errors(include_url=False, include_context=False, include_input=False)[0]["msg"]
        raise ValueError(message if message.startswith("URL") else message[:1].lower() + message[1:]) from None
