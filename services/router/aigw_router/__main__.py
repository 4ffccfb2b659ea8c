# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_router`: the router, as its environment describes it."""

import sys

from pydantic import ValidationError

from aigw_kit import logs, serve
from aigw_router.build import build
from aigw_router.settings import RouterSettings


def main() -> int:
    try:
        settings = RouterSettings()
        logs.configure("router", settings.log_level)
        edge, access_log, background = build(settings)
    except (ValidationError, OSError, ValueError) as error:
        print(f"the router cannot start: {error}", file=sys.stderr)  # noqa: T201 - for the terminal
        return 2
    serve.run(edge, access_log, settings, background)
    return 0


if __name__ == "__main__":
    sys.exit(main())
