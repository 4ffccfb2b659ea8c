# SPDX-License-Identifier: Apache-2.0
"""Credentials from files: followed when they change, refused when they are empty, never shown."""

import asyncio
import logging
import os
from pathlib import Path

import pytest

from aigw_kit import files
from aigw_providers.adapter import Headers
from aigw_providers.credentials import CredentialMissing, FileCredential, NoCredential

SECRET = "sk-unit-0123456789"


def bearer(secret: str) -> Headers:
    return [(b"authorization", b"Bearer " + secret.encode())]


def write(path: Path, content: bytes) -> None:
    """As Kubernetes does: a new file in the place of the old."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    os.replace(fresh, path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "api-key"
    write(path, SECRET.encode())
    return path


@pytest.fixture
def credential(path: Path) -> FileCredential:
    return FileCredential(str(path), bearer)


async def test_the_file_is_the_secret(credential: FileCredential) -> None:
    assert await credential.headers(1.0) == bearer(SECRET)


@pytest.mark.parametrize("content", [SECRET + "\n", f"\n {SECRET}\r\n\t"])
async def test_white_space_around_it_is_not(path: Path, content: str) -> None:
    write(path, content.encode())
    assert await FileCredential(str(path), bearer).headers(1.0) == bearer(SECRET)


async def test_a_changed_file_is_picked_up(path: Path, credential: FileCredential) -> None:
    write(path, b"sk-other")
    credential.file.refresh()
    assert await credential.headers(1.0) == bearer("sk-other")


async def test_a_changed_file_is_picked_up_in_the_background(
    path: Path, credential: FileCredential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "POLL_SECONDS", 0.001)
    watching = asyncio.create_task(credential.keep_fresh())
    write(path, b"sk-other")
    async with asyncio.timeout(5):
        while await credential.headers(1.0) != bearer("sk-other"):
            await asyncio.sleep(0.001)
    watching.cancel()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b" \t\r\n", b"two\nlines", b"nul\0", b"caf\xc3\xa9", b"\xff", b"\x1b[31m"]
)
async def test_what_no_header_can_carry_is_missing(path: Path, content: bytes) -> None:
    write(path, content)
    with pytest.raises(CredentialMissing):
        await FileCredential(str(path), bearer).headers(1.0)


async def test_a_file_that_is_not_there_yet_is_missing_until_it_is(tmp_path: Path) -> None:
    late = tmp_path / "late"
    credential = FileCredential(str(late), bearer)
    with pytest.raises(CredentialMissing):
        await credential.headers(1.0)
    write(late, SECRET.encode())
    credential.file.refresh()
    assert await credential.headers(1.0) == bearer(SECRET)


@pytest.mark.parametrize("content", [b"", b"two\nlines"])
async def test_the_last_good_one_serves_on(path: Path, credential: FileCredential, content: bytes) -> None:
    write(path, content)
    credential.file.refresh()
    assert await credential.headers(1.0) == bearer(SECRET)
    path.unlink()
    credential.file.refresh()
    assert await credential.headers(1.0) == bearer(SECRET)


async def test_no_credential_is_needed_by_model_servers() -> None:
    assert await NoCredential(needed=False).headers(1.0) == []


async def test_a_provider_that_needs_one_fails_without() -> None:
    with pytest.raises(CredentialMissing):
        await NoCredential(needed=True).headers(1.0)


async def test_a_missing_credential_does_not_say_where_it_was_sought(tmp_path: Path) -> None:
    with pytest.raises(CredentialMissing) as caught:
        await FileCredential(str(tmp_path / "very-private"), bearer).headers(1.0)
    assert "very-private" not in str(caught.value)


async def test_the_secret_is_never_shown(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    credential = FileCredential(str(path), bearer)
    for content in (SECRET, SECRET + "\0", SECRET + "é", SECRET + "\nmore"):
        write(path, content.encode())
        credential.file.refresh()
    shown = [repr(credential), str(credential), repr(credential.file), caplog.text, credential.file.error]
    assert all(SECRET not in text for text in shown)
