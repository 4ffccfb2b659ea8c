# SPDX-License-Identifier: Apache-2.0
"""What is said between the parts: wire types, the AIGateway object, the routing table, errors.

Everything here is pure: no socket, no clock, no environment, no framework.
"""
