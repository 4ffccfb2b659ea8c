# SPDX-License-Identifier: Apache-2.0
"""From an environment to a running service; what is wrong with it is told in one line, exit code 2."""

import sys
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from aigw_kit import logs, serve
from aigw_kit.serve import Service
from aigw_kit.settings import ServiceSettings

S = TypeVar("S", bound=ServiceSettings)


def start(name: str, settings_class: type[S], build: Callable[[S], Service]) -> int:
    """Serve until told to stop. `build` raises OSError, ValueError or LookupError for what it cannot be made from."""
    try:
        settings = settings_class()
        logs.configure(name, settings.log_level)
        service = build(settings)
    except ValidationError as error:
        return _cannot(name, "; ".join(f"{_variable(e['loc'])}: {e['msg']}" for e in error.errors()))
    except (OSError, ValueError, LookupError) as error:
        return _cannot(name, str(error))
    serve.run(service, settings)
    return 0


def _variable(location: tuple[int | str, ...]) -> str:
    return "AIGW_" + "__".join(str(part) for part in location).upper()


def _cannot(name: str, why: str) -> int:
    print(f"the {name} service cannot start: {' '.join(why.split())}", file=sys.stderr)  # noqa: T201 - for the terminal
    return 2
