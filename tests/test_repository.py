# SPDX-License-Identifier: Apache-2.0
"""The repository itself: what must stay true of its files."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sorted(p for top in ("services", "tests", "examples") for p in (ROOT / top).rglob("*.py"))


def test_no_package_is_called_operator_or_services() -> None:
    """A package called `operator` at a path root stops Python from starting."""
    assert not [p for top in ("operator", "services") for p in (ROOT / top).glob("__init__.py")]


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_names_its_licence_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    assert ast.get_docstring(ast.parse(text)), "no docstring"


def test_no_two_test_modules_have_one_name() -> None:
    """Else they can be run, but not together."""
    paths = [p for p in PYTHON if p.name.startswith("test_") and p.is_relative_to(ROOT / "tests")]
    names = [f"{p.parent.name}.{p.stem}" if (p.parent / "__init__.py").exists() else p.stem for p in paths]
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_the_lock_has_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *chain(*project["project"]["optional-dependencies"].values())]
    asked += [entry for group in project["dependency-groups"].values() for entry in group if isinstance(entry, str)]
    names = {re.split(r"[\[<>=~! ]", entry)[0].lower() for entry in asked} - {"ai-gateway"}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE))
    assert names <= locked


def test_locks_have_hashes_and_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text
        entries = re.findall(r"^[a-z0-9._-]+==(?:.*\\\n)+.*", text, re.MULTILINE)
        assert len(entries) == len(re.findall(r"^[a-z0-9._-]+==", text, re.MULTILINE))
        assert all("--hash=sha256:" in entry for entry in entries)


def test_every_link_in_the_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    links = [(d, target) for d in documents for target in re.findall(r"\]\(([^)#:]+)\)", d.read_text())]
    broken = [f"{d.relative_to(ROOT)}: {target}" for d, target in links if not (d.parent / target).exists()]
    assert not broken


def test_nobody_uses_middleware_that_hides_a_lost_client() -> None:
    users = [p for p in (ROOT / "services").rglob("*.py") if "BaseHTTPMiddleware" in p.read_text()]
    assert not users


@pytest.mark.parametrize("service", ["aigw_router", "aigw_auth", "aigw_providers"])
def test_a_service_without_settings_says_so_in_one_line(service: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", service, *(["x"] if service == "aigw_providers" else [])],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin"},
        timeout=30,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "cannot start" in done.stderr
