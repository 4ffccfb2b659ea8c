# SPDX-License-Identifier: Apache-2.0
"""Files that are re-read: as people edit them, and as Kubernetes swaps them."""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from aigw_kit import files
from aigw_kit.files import Watched, watch


def number(content: bytes) -> int:
    return int(content)


def reloads(file: str, result: str) -> float:
    return REGISTRY.get_sample_value("aigw_file_reloads_total", {"file": file, "result": result}) or 0.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "number.txt"
    path.write_bytes(b"1")
    return path


def replace(path: Path, content: bytes) -> None:
    """As an editor does it: another file takes the name."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


def overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


class TestReading:
    def test_the_first_read_must_succeed(self, tmp_path: Path, path: Path) -> None:
        assert Watched(path, number).value == 1
        with pytest.raises(FileNotFoundError):
            Watched(tmp_path / "missing", number)
        path.write_bytes(b"one")
        with pytest.raises(ValueError, match="invalid literal"):
            Watched(path, number)

    def test_unless_there_is_a_default(self, tmp_path: Path) -> None:
        file = Watched(tmp_path / "late.txt", number, default=7)
        assert (file.value, file.error.partition(":")[0]) == (7, "FileNotFoundError")
        file.path.write_bytes(b"8")
        assert file.refresh()
        assert (file.value, file.error) == (8, "")

    @pytest.mark.parametrize("change", [replace, overwrite])
    def test_a_change_is_seen_once(self, path: Path, change: Callable[[Path, bytes], None]) -> None:
        file = Watched(path, number)
        assert not file.refresh()
        change(path, b"22")
        assert file.refresh()
        assert not file.refresh()
        assert file.value == 22
        assert file.revision == hashlib.sha256(b"22").hexdigest()[:12]

    def test_the_same_size_and_time_in_another_file_is_a_change(self, path: Path) -> None:
        """Kubernetes sets coarse times, and a rotated key has the size of the old one."""
        os.utime(path, ns=(10**18, 10**18))
        file = Watched(path, number)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(b"2")
        os.utime(fresh, ns=(10**18, 10**18))
        fresh.replace(path)
        assert file.refresh()
        assert file.value == 2


class TestKubernetes:
    """A mounted Secret: the name is a link into `..data`, which is a link to a directory that is swapped."""

    @pytest.fixture
    def mount(self, tmp_path: Path) -> Path:
        (tmp_path / "..2026_1").mkdir()
        (tmp_path / "..2026_1" / "key").write_bytes(b"1")
        (tmp_path / "..data").symlink_to("..2026_1")
        (tmp_path / "key").symlink_to("..data/key")
        return tmp_path

    def swap(self, mount: Path, version: int) -> None:
        directory = mount / f"..2026_{version}"
        directory.mkdir()
        (directory / "key").write_bytes(b"%d" % version)
        (mount / "..data_tmp").symlink_to(directory.name)
        (mount / "..data_tmp").replace(mount / "..data")

    def test_a_swap_is_seen(self, mount: Path) -> None:
        file = Watched(mount / "key", number)
        for version in (2, 3):
            self.swap(mount, version)
            assert file.refresh()
            assert file.value == version
            assert not file.refresh()

    def test_between_two_versions_the_last_one_serves(self, mount: Path) -> None:
        file = Watched(mount / "key", number)
        (mount / "..data").unlink()
        assert not file.refresh()
        assert file.value == 1
        assert "FileNotFoundError" in file.error
        (mount / "..data").symlink_to("..2026_1")
        assert file.refresh()
        assert file.error == "", "a file that came back unchanged is a good file"


class TestBadContent:
    def test_the_last_good_value_serves_on(self, path: Path) -> None:
        file = Watched(path, number)
        good = file.revision
        refused = reloads("number.txt", "refused")
        replace(path, b"two")
        assert not file.refresh()
        assert (file.value, file.revision) == (1, good)
        assert file.error.startswith("ValueError")
        assert reloads("number.txt", "refused") == refused + 1
        replace(path, b"3")
        assert file.refresh()
        assert (file.value, file.error) == (3, "")

    def test_it_is_told_once(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        file = Watched(path, number)
        replace(path, b"two")
        with caplog.at_level(logging.INFO):
            for _ in range(5):
                file.refresh()
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "last good" in caplog.text

    def test_what_failed_is_tried_again_although_it_did_not_change(self, path: Path) -> None:
        """A certificate is refused as long as its key is the old one; then the key changes, not the certificate."""
        other = path.with_name("other")

        def both(content: bytes) -> int:
            return number(content) + number(other.read_bytes())

        other.write_bytes(b"10")
        file = Watched(path, both)
        other.unlink()
        replace(path, b"2")
        assert not file.refresh()
        other.write_bytes(b"20")
        assert file.refresh()
        assert file.value == 22

    @pytest.mark.parametrize("error", [RecursionError, KeyError, UnicodeError, MemoryError])
    def test_whatever_is_raised_the_value_stays(self, path: Path, error: type[Exception]) -> None:
        def load(content: bytes) -> int:
            if content == b"2":
                raise error
            return number(content)

        file = Watched(path, load)
        replace(path, b"2")
        assert not file.refresh()
        assert file.value == 1

    def test_a_directory_in_its_place(self, path: Path) -> None:
        file = Watched(path, number)
        path.unlink()
        path.mkdir()
        assert not file.refresh()
        assert file.value == 1


class TestDeletion:
    def test_the_last_good_value_serves_on(self, path: Path) -> None:
        file = Watched(path, number)
        path.unlink()
        assert not file.refresh()
        assert file.value == 1
        assert "FileNotFoundError" in file.error
        path.write_bytes(b"2")
        assert file.refresh()
        assert (file.value, file.error) == (2, "")


async def test_watching_follows_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "POLL_SECONDS", 0.001)
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(b"1")
    watched = [Watched(path, number) for path in paths]
    task = asyncio.create_task(watch(*watched))
    replace(paths[0], b"bad")
    replace(paths[1], b"2")
    async with asyncio.timeout(2):
        while watched[1].value != 2:
            await asyncio.sleep(0.001)
    assert watched[0].value == 1, "one bad file does not keep the others from being read"
    task.cancel()
