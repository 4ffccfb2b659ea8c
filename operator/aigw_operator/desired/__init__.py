# SPDX-License-Identifier: Apache-2.0
"""What should exist for a gateway: one file per concern, each builder returns an object or None. Pure."""
