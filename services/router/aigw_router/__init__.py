# SPDX-License-Identifier: Apache-2.0
"""The front door: owns the public API and decides where a request goes.

`api` has the endpoints, `features` what each does (pure), `dispatch` tries candidates, `clients` are the only sockets.
"""
