# SPDX-License-Identifier: Apache-2.0
"""From each chart's values.yaml, which people write: the table of its README.md, and values.schema.json.

    python charts/generate.py           writes both
    python charts/generate.py --check   only says what is not as it should be; exit code 1

Above a key may stand, in comments: `# --` and a description, which goes on in the lines below; `# @schema` and a YAML
mapping, which is put over what is inferred from the default; `# @spec` and the path of a field of the AIGateway's spec,
whose schema the value then has (empty meaning: left out).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from aigw_contract.gateway import GatewaySpec

CHARTS = Path(__file__).resolve().parent
NAMES = ("ai-gateway-operator", "ai-gateway")
BEGIN, END = "<!-- values: written by charts/generate.py -->\n", "<!-- end of values -->\n"
TYPES = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}

Schema = dict[str, Any]


class Value(NamedTuple):
    """One key of values.yaml with what its comments say."""

    name: str
    default: Any
    description: str
    hints: Schema
    spec: str
    children: "list[Value]"


def read(text: str) -> list[Value]:
    """The keys of a values.yaml. Raises ValueError for one that has no description."""
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)  # noqa: S101 - any other values.yaml is refused by helm
    return list(_values(node, yaml.safe_load(text), text.splitlines(), ""))


def _values(node: yaml.MappingNode, defaults: Any, lines: list[str], path: str) -> Iterator[Value]:
    for key, value in node.value:
        default = defaults[key.value]
        description, hints, spec = _comments(lines, key.start_mark.line)
        nested = isinstance(value, yaml.MappingNode) and bool(value.value) and not description
        if not (nested or description):
            raise ValueError(f"{path}{key.value} has no description")
        children = list(_values(value, default, lines, f"{path}{key.value}.")) if nested else []
        yield Value(key.value, default, description, hints, spec, children)


def _comments(lines: list[str], at: int) -> tuple[str, Schema, str]:
    """What stands directly above line `at`."""
    start = at
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    words: list[str] = []
    hints: Schema = {}
    spec = ""
    for line in (line.strip().removeprefix("#").strip() for line in lines[start:at]):
        if line.startswith("-- "):
            words = [line.removeprefix("-- ")]
        elif line.startswith("@schema "):
            hints = yaml.safe_load(line.removeprefix("@schema "))
        elif line.startswith("@spec "):
            spec = line.removeprefix("@spec ")
        elif words:
            words.append(line)
    return " ".join(words), hints, spec


def schema(values: list[Value]) -> Schema:
    """The JSON Schema of a chart's values. A name that is not there is refused."""
    definitions = GatewaySpec.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    made = _mapping(values, definitions)
    made["properties"]["global"] = {"type": "object", "description": "Helm's own: shared with charts beside this one."}
    made["properties"].setdefault("enabled", {"type": "boolean", "description": "For a chart that has this one in it."})
    used = _used(made, definitions["$defs"])
    return {"$schema": "http://json-schema.org/draft-07/schema#", **made, **({"definitions": used} if used else {})}


def _mapping(values: list[Value], spec: Schema) -> Schema:
    properties = {value.name: _property(value, spec) for value in values}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(value: Value, spec: Schema) -> Schema:
    if value.children:
        return _mapping(value.children, spec) | value.hints
    said = {"description": value.description}
    if value.spec:
        return said | _field(value, spec)
    kind = {} if value.default is None else {"type": TYPES[type(value.default)]}
    return said | kind | value.hints


def _field(value: Value, spec: Schema) -> Schema:
    """A field of the AIGateway's spec; or also the empty default, which is left out, where the spec would refuse it."""
    found = _lookup(value.spec, spec)
    whole = spec["$defs"][found["$ref"].rsplit("/", maxsplit=1)[-1]] if "$ref" in found else found
    if value.default == {} and "required" in whole:
        return {"anyOf": [{"type": "object", "maxProperties": 0}, found]}
    if value.default == [] and "minItems" in whole:
        return {"anyOf": [{"type": "array", "maxItems": 0}, found]}
    return found


def _lookup(path: str, spec: Schema) -> Schema:
    at: Schema = spec
    for name in path.split("."):
        at = _lean(at["properties"][name])
        while "$ref" in at and name != path.rsplit(".", maxsplit=1)[-1]:
            at = spec["$defs"][at["$ref"].rsplit("/", maxsplit=1)[-1]]
    return at


def _lean(schema: Schema) -> Schema:
    """Without the object's own defaults and titles; what may be null there is simply left out here."""
    kept = {k: v for k, v in schema.items() if k not in ("default", "description", "title")}
    options = [o for o in kept.get("anyOf", []) if o != {"type": "null"}]
    return options[0] if len(options) == 1 else kept


def _used(schema: Any, definitions: Schema) -> Schema:
    """The definitions that a schema needs, and those that they need."""
    found: Schema = {}
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in found:
                found[name] = _untitled(definitions[name])
                waiting.append(found[name])
    return dict(sorted(found.items()))


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rsplit("/", maxsplit=1)[-1]
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _untitled(schema: Any) -> Any:
    """Titles only repeat names. A property may be called `title`; none is."""
    if isinstance(schema, dict):
        return {k: _untitled(v) for k, v in schema.items() if k != "title"}
    return [_untitled(part) for part in schema] if isinstance(schema, list) else schema


def table(values: list[Value]) -> str:
    """Markdown: one row for each value that can be set."""
    rows = [f"| `{path}` | {_shown(value.default)} | {value.description} |" for path, value in _leaves(values, "")]
    return "\n".join(["| value | default | |", "|---|---|---|", *rows]) + "\n"


def _leaves(values: list[Value], path: str) -> Iterator[tuple[str, Value]]:
    for value in values:
        if value.children:
            yield from _leaves(value.children, f"{path}{value.name}.")
        else:
            yield f"{path}{value.name}", value


def _shown(default: Any) -> str:
    return "" if default in ("", None) else f"`{json.dumps(default) if not isinstance(default, str) else default}`"


def generated(chart: Path) -> dict[Path, str]:
    """Path -> what should be in it."""
    values = read((chart / "values.yaml").read_text())
    readme = chart / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return {
        chart / "values.schema.json": json.dumps(schema(values), indent=2, ensure_ascii=False) + "\n",
        readme: f"{before}{BEGIN}\n{table(values)}\n{END}{after}",
    }


def main(arguments: list[str]) -> int:
    wanted = {path: text for name in NAMES for path, text in generated(CHARTS / name).items()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        verb = "is not" if "--check" in arguments else "is now"
        print(f"{path.relative_to(CHARTS.parent)} {verb} as values.yaml says")  # noqa: T201 - for the terminal
        if "--check" not in arguments:
            path.write_text(wanted[path])
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
