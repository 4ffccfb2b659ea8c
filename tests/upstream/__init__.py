# SPDX-License-Identifier: Apache-2.0
"""The scripted upstream: a real HTTP server on loopback which speaks the wire formats of the AI providers.

Tests, benches and examples point provider services at it. What it answers is deterministic; how it behaves (slow,
failing, dying half way) is read from the model name, see `upstream.script`. Start one with `upstream.running`, or by
hand with `python -m upstream --port 0 --ready-file ready.json`.
"""
