# SPDX-License-Identifier: Apache-2.0
"""Other gateways in the same run, where they are installed: one process each, with their defaults.

LiteLLM: `litellm` on the path, or its command in AIGW_BENCH_LITELLM. Portkey: the command that starts its server (such
as `node build/start-server.js`) in AIGW_BENCH_PORTKEY, or `portkey-gateway` on the path. Nothing is ever downloaded.
"""

import contextlib
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from bench.systems import Running, free_port, process, when_listening

KEY = f"sk-{token_hex(32)}"  # LiteLLM does not start without one, nor with a weak one
VARIABLES = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": KEY}


class Peer(NamedTuple):
    name: str
    program: str
    variable: str
    options: Callable[[int, Path, str], list[str]]  # port, directory, upstream URL
    headers: Callable[[str], dict[str, str]]  # upstream URL

    def command(self) -> list[str] | None:
        given = os.environ.get(self.variable)
        if given:
            return shlex.split(given)
        found = shutil.which(self.program)
        return [found] if found else None

    def absence(self) -> str:
        return f"{self.name}: skipped, there is no {self.program} on the path and {self.variable} is not set"


def _litellm_options(port: int, home: Path, upstream: str) -> list[str]:
    parameters = {"model": "openai/bench", "api_base": f"{upstream}/v1", "api_key": "bench"}
    config = home / "litellm.yaml"
    config.write_text(json.dumps({"model_list": [{"model_name": "bench", "litellm_params": parameters}]}))
    return ["--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]


def _portkey_options(port: int, home: Path, upstream: str) -> list[str]:
    return [f"--port={port}", "--headless"]


def _portkey_headers(upstream: str) -> dict[str, str]:
    return {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream}/v1", "authorization": "Bearer bench"}


PEERS = (
    Peer("LiteLLM", "litellm", "AIGW_BENCH_LITELLM", _litellm_options, lambda _: {"authorization": f"Bearer {KEY}"}),
    Peer("Portkey", "portkey-gateway", "AIGW_BENCH_PORTKEY", _portkey_options, _portkey_headers),
)


@contextlib.contextmanager
def running(peer: Peer, command: list[str], upstream: Running, core: set[int], home: Path) -> Iterator[Running]:
    """The peer in front of the upstream, which answers it in OpenAI's format."""
    port, log = free_port(), home / f"{peer.name}.log"
    command = [*command, *peer.options(port, home, upstream.url)]
    with process(command, core, VARIABLES, log) as started:
        when_listening(started, port, log)
        yield Running(f"http://127.0.0.1:{port}", started.pid, peer.headers(upstream.url))
