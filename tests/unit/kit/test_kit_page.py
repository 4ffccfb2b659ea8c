# SPDX-License-Identifier: Apache-2.0
"""The API page shows the whole document, and needs nothing but itself."""

import re
from typing import Any

import pytest

from aigw_kit.app import build_app
from aigw_kit.page import page
from aigw_router.build import DESCRIBED


@pytest.fixture(scope="module")
def document() -> Any:
    async def ready() -> list[str]:
        return []

    return build_app("AI Gateway", "1.2.3", DESCRIBED, ready, str).openapi()


def test_every_operation_status_and_shape_is_there(document: Any) -> None:
    shown = page(document)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"<h2>{method.upper()} {path}</h2>" in shown
            assert all(f"<td>{status}<td>" in shown for status in operation["responses"])
    for name, schema in document["components"]["schemas"].items():
        assert f'<h3 id="{name}">' in shown
        assert all(f"<code>{field}</code>" in shown for field in schema.get("properties", {}))


def test_every_link_leads_somewhere_on_this_host(document: Any) -> None:
    shown = page(document)
    links = re.findall(r"(?:href|src)=\"?([^\">]*)", shown)
    anchors = set(re.findall(r'id="([^"]*)"', shown))
    assert {link for link in links if link != "openapi.json"} <= {f"#{anchor}" for anchor in anchors}
    assert "//" not in shown
    assert "<script" not in shown


def test_texts_are_texts() -> None:
    evil = "<script>alert(1)</script>"
    shape = {"description": evil, "properties": {evil: {"enum": [evil], "description": evil}}}
    operation = {
        "summary": evil,
        "responses": {evil: {"description": evil, "content": {"x": {"schema": {"type": evil}}}}},
    }
    shown = page({
        "info": {"title": evil, "version": "1"},
        "paths": {evil: {evil: operation}},
        "components": {"schemas": {evil: shape}},
    })  # fmt: skip
    assert "<script" not in shown.lower()
    assert shown.count("&lt;script") >= 9
