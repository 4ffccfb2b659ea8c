# SPDX-License-Identifier: Apache-2.0
"""When to look at which gateway: what is heard, in which order, and who leads."""
