# SPDX-License-Identifier: Apache-2.0
"""Anthropic's SDK through a running gateway."""

import json
import subprocess

import anthropic

gateway = json.loads(subprocess.check_output(["aigw", "token", "--json"]))  # noqa: S607 - found on the path

client = anthropic.Anthropic(
    base_url=f"{gateway['url']}/internal/proxy/anthropic",
    auth_token=gateway["token"],
    api_key=None,
    default_headers=gateway["headers"],
)

with client.messages.stream(
    model="claude-sonnet-4-20250514",
    max_tokens=200,
    messages=[{"role": "user", "content": "Say hello in one line."}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)  # noqa: T201 - it is what the example is for
print()  # noqa: T201 - as above
