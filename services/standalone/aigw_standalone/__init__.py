# SPDX-License-Identifier: Apache-2.0
"""The `aigw` command: a whole gateway on one machine, and tools to talk to it."""
