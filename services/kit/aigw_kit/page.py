# SPDX-License-Identifier: Apache-2.0
"""The API page: an OpenAPI document as plain HTML. Pure.

FastAPI's own page loads its script from elsewhere and is blank where nothing else can be reached. This one needs no
script and nothing but itself.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

SECURITY = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""Headers of the page: whatever got into it could load and run nothing."""

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f1e24 }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem } h3 { font-size: 1rem; margin: 1.5rem 0 .25rem }
code, h2 { font-family: ui-monospace, monospace } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #dcdcde }
@media (prefers-color-scheme: dark) { body { background: #18171d; color: #ececef } a { color: #9dc7f1 } }
"""

Schema = Mapping[str, Any]


def page(document: Mapping[str, Any]) -> str:
    """Every operation with what it takes, gives and refuses; then every shape."""
    title = f"{document['info']['title']} {document['info']['version']}"
    return "".join([
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>",
        f"<h1>{escape(title)}</h1><p>The same for machines: <a href=openapi.json>openapi.json</a></p>",
        *_operations(document["paths"]),
        "<h1>Shapes</h1>",
        *(_shape(name, schema) for name, schema in document.get("components", {}).get("schemas", {}).items()),
    ])  # fmt: skip


def _operations(paths: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield f"<h2>{escape(method.upper())} {escape(path)}</h2>"
            yield f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p>"
            yield "<table><tr><th>Status<th>Meaning<th>Body</tr>"
            if "requestBody" in operation:
                yield _row("(request)", "", operation["requestBody"])
            for status, response in operation.get("responses", {}).items():
                yield _row(status, response.get("description", ""), response)
            yield "</table>"


def _row(status: str, meaning: str, holder: Mapping[str, Any]) -> str:
    kinds = [_kind(content.get("schema", {})) for content in holder.get("content", {}).values()]
    return f"<tr><td>{escape(status)}<td>{escape(meaning)}<td>{', '.join(kinds)}</tr>"


def _shape(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        f"<tr><td><code>{escape(field)}</code><td>{_kind(of)}<td>{'required' if field in required else ''}"
        f"<td>{escape(of.get('description', ''))}</tr>"
        for field, of in schema.get("properties", {}).items()
    ]
    about = f"<p>{escape(schema.get('description', ''))}</p>"
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>{about}<table>{"".join(rows)}</table>'


def _kind(schema: Schema) -> str:
    """A schema in a few words, with links to the shapes it is made of."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(_kind, choices))
    if "enum" in schema:
        return " or ".join(f"<code>{escape(repr(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return escape(str(schema.get("type", "any")))
