# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_providers NAME`: the service of the provider NAME, as its settings file describes it."""

import sys
from functools import partial

from aigw_kit.start import start
from aigw_providers.build import build
from aigw_providers.settings import ProviderServiceSettings


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m aigw_providers NAME", file=sys.stderr)  # noqa: T201 - for the terminal
        return 2
    (name,) = arguments
    return start(f"provider-{name}", ProviderServiceSettings, partial(build, name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
