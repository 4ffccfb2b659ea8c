# SPDX-License-Identifier: Apache-2.0
"""From the JSON Schema that pydantic makes to the structural schema that Kubernetes asks for.

No references, no unions with null (what is optional may be absent), no closed objects (what is unknown is pruned, and
refused by kubectl). Defaults are kept where they are scalars, so that a stored object says what holds.
"""

from collections.abc import Mapping
from typing import Any

from aigw_operator.crd.rules import LIST_KEYS, RULES, Rule

Schema = dict[str, Any]
KEPT = (
    "description", "type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
    "maxProperties", "required",
)  # fmt: skip
URL = "^https?://[^/?#]+"


def structural(schema: Mapping[str, Any], defs: Mapping[str, Any], where: str = "") -> Schema:
    """`where`: `Model.field` of the schema, by which the tables of `rules` find it."""
    if "anyOf" in schema:
        return structural({**_one_of(schema["anyOf"]), **_without(schema, "anyOf")}, defs, where)
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        made = structural({**defs[name], **_without(schema, "$ref", "default")}, defs, name)
        return _with_rules(made, [*RULES.get(name, ()), *RULES.get(where, ())])
    made = {key: schema[key] for key in KEPT if key in schema}
    if schema.get("format") == "uri":
        made["pattern"] = URL
    if isinstance(schema.get("default"), str | int | bool) and schema["default"] != "":
        made["default"] = schema["default"]
    return _with_rules(made | _children(schema, defs, where), RULES.get(where, ()))


def _children(schema: Mapping[str, Any], defs: Mapping[str, Any], where: str) -> Schema:
    made: Schema = {}
    if "properties" in schema:
        made["properties"] = {k: structural(v, defs, f"{where}.{k}") for k, v in schema["properties"].items()}
    elif "enum" in schema.get("propertyNames", {}):
        value = structural(schema["additionalProperties"], defs)
        made["properties"] = {
            name: {"description": f"Of `{name}`.", **value} for name in schema["propertyNames"]["enum"]
        }
    elif schema.get("additionalProperties"):
        made["additionalProperties"] = structural(schema["additionalProperties"], defs)
    if "items" in schema:
        made["items"] = structural(schema["items"], defs)
        key = LIST_KEYS.get(where)
        made |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]} if key else {}
    return made


def _one_of(branches: list[Schema]) -> Schema:
    """The branch that is not null. Several of them are strings, told apart by a rule."""
    found = [branch for branch in branches if branch.get("type") != "null"]
    return found[0] if len(found) == 1 else {"type": "string", "maxLength": max(b.get("maxLength", 0) for b in found)}


def _with_rules(made: Schema, rules: tuple[Rule, ...] | list[Rule]) -> Schema:
    return made | ({"x-kubernetes-validations": [rule.manifest() for rule in rules]} if rules else {})


def _without(schema: Mapping[str, Any], *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}
