# SPDX-License-Identifier: Apache-2.0
"""A completion as GitLab asks for it, from a model that the request names."""

import json
import subprocess
from pathlib import Path

import httpx
import yaml

gateway = json.loads(subprocess.check_output(["aigw", "token", "--json"]))  # noqa: S607 - found on the path
spec = yaml.safe_load(Path("gateway.yaml").read_text())["spec"]

answer = httpx.post(
    f"{gateway['url']}/v3/code/completions",
    headers=gateway["headers"],
    json={
        "prompt_components": [
            {
                "type": "code_editor_completion",
                "payload": {
                    "file_name": "hello.py",
                    "content_above_cursor": "def hello_world():\n",
                    "content_below_cursor": "",
                },
            }
        ],
        "model_metadata": {
            "provider": "litellm",
            "name": "mistral",
            "endpoint": spec["providers"][0]["requestEndpoints"][0],
            "api_key": "not-needed",
            "identifier": "custom_openai/mistral-small",
        },
    },
    timeout=60,
)
answer.raise_for_status()
print(answer.json()["response"])  # noqa: T201 - it is what the example is for
