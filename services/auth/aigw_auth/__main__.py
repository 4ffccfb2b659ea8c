# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_auth`: serve until told to stop."""

from aigw_auth.api import build
from aigw_auth.service import AuthService
from aigw_auth.settings import AuthServiceSettings
from aigw_kit.files import watch
from aigw_kit.guard import InternalKey
from aigw_kit.logs import AccessLog, configure
from aigw_kit.serve import Background, run


def main() -> None:
    settings = AuthServiceSettings()
    configure("auth", settings.log_level)
    service = AuthService(settings)
    key = InternalKey(settings.internal_key_file) if settings.internal_key_file else None
    background: list[Background] = [service.run]
    if key is not None:
        background.append(lambda: watch(key.file))
    access_log = AccessLog("auth")
    run(build(service, access_log, key.require if key else None), access_log, settings, background)


if __name__ == "__main__":
    main()
