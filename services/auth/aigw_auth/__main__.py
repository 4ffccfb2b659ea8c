# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_auth`: the auth service, as its environment describes it."""

import sys

from aigw_auth.api import build
from aigw_auth.service import AuthService
from aigw_auth.settings import AuthServiceSettings
from aigw_kit.files import watch
from aigw_kit.guard import InternalKey
from aigw_kit.logs import AccessLog
from aigw_kit.serve import Service
from aigw_kit.start import start


def service(settings: AuthServiceSettings) -> Service:
    """Raises OSError, ValueError for files that cannot be used."""
    auth = AuthService(settings)
    key = InternalKey(settings.internal_key_file)
    access_log = AccessLog("auth")
    return Service(build(auth, access_log, key.require), access_log, [auth.run, lambda: watch(key.file)])


if __name__ == "__main__":
    sys.exit(start("auth", AuthServiceSettings, service))
