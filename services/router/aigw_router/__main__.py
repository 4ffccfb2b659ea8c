# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_router`: the router, as its environment describes it."""

import sys

from aigw_kit.start import start
from aigw_router.build import build
from aigw_router.settings import RouterSettings

if __name__ == "__main__":
    sys.exit(start("router", RouterSettings, build))
