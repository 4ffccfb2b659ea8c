# SPDX-License-Identifier: Apache-2.0
"""Trunks: one connection between two services that carries the bodies of many streams.

A chunk costs little to translate and much to read and to write. Between router and provider service the chunks of all
streams that arrive in one turn of the loop share one write and one read; each stream keeps its own HTTP exchange for
its head, its end and its cancellation. Where no trunk is laid, a body goes over its own connection as ever.
"""

from aigw_kit.trunk.receiving import Trunking
from aigw_kit.trunk.sending import Trunks

__all__ = ["Trunking", "Trunks"]
