# SPDX-License-Identifier: Apache-2.0
"""What an edit would change: the plan, why pods restart, and where what it needs to know comes from."""
