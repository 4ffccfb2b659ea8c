# SPDX-License-Identifier: Apache-2.0
"""Starlette's BaseHTTPMiddleware hides the client's disconnect, so nothing here may stand on it."""

import ast
from collections.abc import Iterator
from pathlib import Path

SERVICES = Path(__file__).resolve().parents[3] / "services"
FORBIDDEN = {"BaseHTTPMiddleware", "RequestResponseEndpoint", "add_middleware", "middleware"}


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Names that a module uses or imports; strings and comments may say what they like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.ImportFrom | ast.Import):
            module = getattr(node, "module", None) or ""
            yield from ((node.lineno, part) for part in module.split("."))
            yield from ((node.lineno, part) for alias in node.names for part in alias.name.split("."))


def test_no_middleware_that_hides_the_disconnect() -> None:
    files = sorted(SERVICES.rglob("*.py"))
    assert len(files) > 50
    found = [
        f"{path.relative_to(SERVICES)}:{line}: {name}"
        for path in files
        for line, name in names(ast.parse(path.read_text()))
        if name in FORBIDDEN
    ]
    assert found == []


def test_the_search_would_find_it() -> None:
    source = "from starlette.middleware.base import BaseHTTPMiddleware\n@app.middleware('http')\ndef f(): ..."
    assert {name for _, name in names(ast.parse(source))} & FORBIDDEN == {"BaseHTTPMiddleware", "middleware"}
