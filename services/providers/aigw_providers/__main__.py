# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_providers NAME`: the service of the provider NAME, as its settings file describes it."""

import sys
from pathlib import Path

import msgspec
from pydantic import ValidationError

from aigw_contract.table import ProviderSettings
from aigw_kit import logs, serve
from aigw_providers.build import build
from aigw_providers.registry import UnknownProviderType
from aigw_providers.settings import ProviderServiceSettings


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m aigw_providers NAME", file=sys.stderr)  # noqa: T201 - a usage line is for the terminal
        return 2
    try:
        environment = ProviderServiceSettings()
        settings = msgspec.json.decode(Path(environment.settings_file).read_bytes(), type=ProviderSettings)
        logs.configure(f"provider-{settings.name}", environment.log_level)
        edge, access_log, background = build(settings, environment, arguments[0])
    except (ValidationError, UnknownProviderType, OSError, ValueError) as error:
        print(f"the provider service {arguments[0]} cannot start: {error}", file=sys.stderr)  # noqa: T201 - as above
        return 2
    serve.run(edge, access_log, environment, background)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
