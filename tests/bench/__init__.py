# SPDX-License-Identifier: Apache-2.0
"""CPU per request and per streamed chunk, side by side in one run: `make bench`, or `python -m bench` from tests/.

Systems (nginx as one proxy hop, the gateway, others if they are installed) stand before the same upstream on loopback
and are measured in turn, several rounds. What counts is the CPU time of all processes of a system for one request or
chunk, and its ratio to nginx in the same round: latency and throughput say more about the machine than about the code.
Nothing here asserts anything about time.
"""
