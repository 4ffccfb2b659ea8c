# SPDX-License-Identifier: Apache-2.0
"""What a provider service reads from its environment; the rest is in its settings file."""

from aigw_kit.settings import ServiceSettings


class ProviderServiceSettings(ServiceSettings):
    settings_file: str  # JSON: aigw_contract.table.ProviderSettings
