# SPDX-License-Identifier: Apache-2.0
"""From an environment with variables of GitLab's own image to the object that serves as that image does. Pure.

`variables` has the table, `values` reads one value, `document` makes the object.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from aigw_contract.endpoints import ANY
from aigw_standalone.document import MODELS, Said, document
from aigw_standalone.manifest import ECHO, BadManifest, Manifest, parse
from aigw_standalone.variables import HONOURED, IGNORED, REFUSED, SETTINGS, Honoured, known, matches

GITLAB = "AIGW_GITLAB_URL"
PORTAL = "AIGW_CUSTOMER_PORTAL_URL"
MOCK = "AIGW_MOCK_MODEL_RESPONSES"
CUSTOM = "AIGW_CUSTOM_MODELS__ENABLED"
ENDPOINTS = "AIGW_CUSTOM_MODELS__ENDPOINTS"
SIGNING_KEY = "AIGW_SELF_SIGNED_JWT__SIGNING_KEY"
PORTAL_URL = "https://customers.gitlab.com"

NO_PROVIDER = (
    "no provider: set ANTHROPIC_API_KEY, OPENAI_API_KEY or AIGW_VERTEX_TEXT_MODEL__PROJECT, or "
    f"{CUSTOM}=true for models that GitLab names in a request, with an address, or {MOCK}=true for answers without a "
    "model; or name model servers as providers in a file (-f)"
)
ANYWHERE = (
    "models are called at whatever address a request names, but for loopback and link-local ones: "
    f"{ENDPOINTS}=https://models.example.com/v1 (or several, with commas) narrows that, {CUSTOM}=false ends it"
)


class Made(NamedTuple):
    """`names`: the variables that made the object; none if it is the built-in one. `notes`: lines for the user."""

    manifest: Manifest
    document: dict[str, Any]
    names: list[str]
    notes: list[str]


class Settings(NamedTuple):
    """What is not in the object: where this machine listens. An empty log level is the object's."""

    host: str = "127.0.0.1"
    port: int = 5052
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 8082
    log_level: str = ""


def read(environment: Mapping[str, str]) -> Made:
    """Raises BadManifest with a line for each variable that cannot be used; the value is not in it."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    said = _said(_with_custom(_with_portal(given, environment)))
    names = [row.name for row in said if row.name in given]
    if not names:
        return Made(parse([ECHO]), ECHO, [], [note for note in _ignored(given, said) if ": AIGW_" in note])
    made, secrets = document(said)
    if "providers" not in made["spec"]:
        raise BadManifest([NO_PROVIDER])
    manifest = parse([made])._replace(secrets=secrets)
    return Made(manifest, made, names, [*_assumed(given, environment, made), *_ignored(given, said)])


def settings(environment: Mapping[str, str]) -> Settings:
    """Raises BadManifest, as `read`."""
    given = {row: environment[row.name].strip() for row in SETTINGS if environment.get(row.name, "").strip()}
    return Settings(**{row.field: value for row, value in _values(given).items()})


def render(made: Made) -> str:
    """The object as a file to go on with. Secrets are named, not shown."""
    lines = [f"Made from {', '.join(made.names)}." if made.names else "The built-in object: no variable makes another."]
    held = [row for row in HONOURED if row.secret and row.name in made.names]
    if held:
        lines.append("The Secrets that it names are not shown; what is in them came from:")
        lines += [f"  {row.secret.replace('/', ', key ')}: {row.name}" for row in held]
    comment = "".join(f"# {line}\n" for line in lines)
    return comment + yaml.safe_dump(made.document, sort_keys=False)


def _with_portal(given: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """GitLab's image knows the customer portal by itself; said to be nothing it is not trusted."""
    portal = {PORTAL: PORTAL_URL} if GITLAB in given and PORTAL not in environment else {}
    found = {**given, **portal}
    if found.get(PORTAL, "").rstrip("/") == found.get(GITLAB, "").rstrip("/"):
        found.pop(PORTAL, None)  # one issuer, named twice
    return found


def _with_custom(given: Mapping[str, str]) -> dict[str, str]:
    """GitLab's image takes models of requests unless it is told not to; and whoever names addresses wants them."""
    assumed = {CUSTOM: "true"} if GITLAB in given or ENDPOINTS in given else {}
    return {**assumed, **given}


def _said(given: Mapping[str, str]) -> Said:
    """What counts. Raises BadManifest."""
    refused = [f"{n}: {why}" for n in sorted(given) for pattern, why in REFUSED.items() if matches(pattern, n)]
    rows = {row: given[row.name] for row in HONOURED if row.name in given and (not row.needs or row.needs in given)}
    said = {row: value for row, value in _values(rows, refused).items() if value is not None}
    mocked = any(row.name == MOCK for row in said)
    custom = any(row.name == CUSTOM for row in said)
    found = {row: value for row, value in said.items() if not (mocked and _is_replaced(row))}
    found = {row: value for row, value in found.items() if custom or row.name != ENDPOINTS}
    return found if _has_models(found) else {row: value for row, value in found.items() if not _is_feature(row)}


def _has_models(said: Said) -> bool:
    """Beside those of requests."""
    places = [row.place for row in said]
    return any(place.startswith(f"spec.providers[{name}]") for place in places for name in MODELS)


def _is_feature(row: Honoured) -> bool:
    return row.place.startswith("spec.features.")


def _is_replaced(row: Honoured) -> bool:
    """Where answers are made up, no provider is called: a key that is there all the same costs nothing."""
    return row.place.startswith("spec.providers[") and row.name != MOCK


def _values(texts: Mapping[Any, str], faults: list[str] | None = None) -> dict[Any, Any]:
    """Row -> value. Raises BadManifest with `faults` and one for each row that cannot be read."""
    found, faults = {}, list(faults or [])
    for row, text in texts.items():
        try:
            found[row] = row.read(text)
        except ValueError as error:
            faults.append(f"{row.name}: {error}")
    if faults:
        raise BadManifest(faults)
    return found


def _ignored(given: Mapping[str, str], said: Said) -> Iterator[str]:
    for name in sorted(given):
        why = _why_ignored(name, given, said)
        if why:
            yield f"ignored: {name} ({why})"


def _why_ignored(name: str, given: Mapping[str, str], said: Said) -> str:
    """Empty for a variable that is honoured, or is none of ours."""
    if not known(name):
        return "not understood" if name.startswith("AIGW_") else ""
    row = next((row for row in HONOURED if row.name == name), None)
    if row is not None:
        return _why_unused(row, given, said)
    if any(name == setting.name for setting in SETTINGS):
        return ""
    ignored = next((row for row in IGNORED if matches(row.name, name)), None)
    if ignored is None or (ignored.switch and given[name].lower() in ("false", "0", "no", "off")):
        return ""
    return ignored.why


def _why_unused(row: Honoured, given: Mapping[str, str], said: Said) -> str:
    if row.needs and row.needs not in given:
        return f"it means nothing without {row.needs}"
    if any(other.name == MOCK for other in said) and _is_replaced(row):
        return f"{MOCK} answers in its place"
    if row.name == ENDPOINTS and row not in said:
        return f"{CUSTOM} is off"
    return "no provider here has models for it" if _is_feature(row) and row not in said else ""


def _assumed(given: Mapping[str, str], environment: Mapping[str, str], made: Mapping[str, Any]) -> Iterator[str]:
    """What nobody has said and is good to know."""
    if any(provider.get("requestEndpoints") == [ANY] for provider in made["spec"]["providers"]):
        yield ANYWHERE
    if GITLAB not in given and PORTAL not in given:
        yield f"{GITLAB} is not set: no tokens of a GitLab are accepted"
    elif PORTAL not in environment:
        yield f"{PORTAL} is not set: tokens from {PORTAL_URL} are accepted; set it to nothing to refuse them"
    if SIGNING_KEY not in given:
        yield f"{SIGNING_KEY} is not set: user tokens are good until this gateway stops"
