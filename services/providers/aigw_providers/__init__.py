# SPDX-License-Identifier: Apache-2.0
"""One process per AI provider. The modules named after providers are the support table.

`adapter` says what a provider's module must do (sans-I/O), `relay` does all sending, `service` is the internal API.
"""
