# SPDX-License-Identifier: Apache-2.0
"""The auth service: says yes or no to a token, and mints user tokens. The only place that verifies tokens.

tokens, trust, known_keys, policy, issue   pure: no socket, no file, no environment
settings                                   what is read, and what of it is refused
sources, remote, keys, issuers             where keys come from, and how long they are believed
service, api, metrics                      the parts put together, and what is answered
"""
