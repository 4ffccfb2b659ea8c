# SPDX-License-Identifier: Apache-2.0
"""The internal credential."""

from pathlib import Path
from typing import Any

import pytest

from aigw_contract.headers import INTERNAL_KEY
from aigw_kit.guard import InternalKey, NotInternal
from aigw_kit.request import Request

KEY = b"0123456789abcdef"


@pytest.fixture
def key(tmp_path: Path) -> InternalKey:
    path = tmp_path / "internal.key"
    path.write_bytes(b" " + KEY + b"\n")
    return InternalKey(str(path))


def asked_with(*headers: tuple[bytes, bytes]) -> Request:
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}
    return Request(scope, None, None)


def test_the_key_lets_in(key: InternalKey) -> None:
    key.require(asked_with((INTERNAL_KEY, KEY)))
    key.require(asked_with(key.header))


@pytest.mark.parametrize("given", [b"", KEY[:-1], KEY + b"0", KEY.upper(), b" " + KEY, b"\xff" * 16, b"Bearer " + KEY])
def test_nothing_else_does(key: InternalKey, given: bytes) -> None:
    with pytest.raises(NotInternal) as refused:
        key.require(asked_with((INTERNAL_KEY, given)))
    assert (refused.value.status, refused.value.reason) == (401, "internal_credential_required")
    assert KEY.decode() not in refused.value.body("id").decode()


def test_no_header_is_no_key(key: InternalKey) -> None:
    with pytest.raises(NotInternal):
        key.require(asked_with())


def test_a_new_key_counts_once_it_is_read(key: InternalKey) -> None:
    fresh = b"fedcba9876543210"
    key.file.path.write_bytes(fresh + b"\n")
    assert key.file.refresh()
    key.require(asked_with((INTERNAL_KEY, fresh)))
    with pytest.raises(NotInternal):
        key.require(asked_with((INTERNAL_KEY, KEY)))


@pytest.mark.parametrize("bad", [b"", b"\n", b"   short        \n"])
def test_an_empty_key_never_replaces_a_good_one(key: InternalKey, bad: bytes) -> None:
    """Else an empty header would equal an empty key."""
    key.file.path.write_bytes(bad)
    assert not key.file.refresh()
    with pytest.raises(NotInternal):
        key.require(asked_with((INTERNAL_KEY, bad.strip())))
    key.require(asked_with((INTERNAL_KEY, KEY)))


def test_a_service_does_not_start_with_a_bad_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="at least 16"):
        InternalKey(str(path))
    for missing in (str(tmp_path / "none"), ""):
        with pytest.raises(OSError, match=r".+"):
            InternalKey(missing)
