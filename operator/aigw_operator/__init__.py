# SPDX-License-Identifier: Apache-2.0
"""Keeps a cluster equal to its AIGateway objects, and says in their status what is true.

`desired` is pure: what should exist. `cluster` touches the API. `reconcile` is the one function between them.
"""
