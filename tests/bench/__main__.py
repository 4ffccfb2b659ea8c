# SPDX-License-Identifier: Apache-2.0
"""`python -m bench` (from tests/): measure, print the tables, exit with 1 if an answer was not right."""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import convert

from bench import cpu, peers, responder, systems, table
from bench.load import Job
from bench.measure import Bench, Measured, Row
from bench.systems import Running

BODY_BYTES = 2048
TEXT_CHARACTERS = 600  # makes an answer of about 1 KB
AIMS = {"json": "aim: at most 9 × nginx per JSON request", "stream": "aim: at most 3 × nginx per streamed chunk"}
JSON_TYPE = {"content-type": "application/json"}


class Options(NamedTuple):
    seconds: float
    rounds: int
    only: str | None
    connections: int
    streams: int
    chunks: int
    pace_ms: float
    out: Path | None

    @property
    def model(self) -> str:
        return responder.model(self.chunks, TEXT_CHARACTERS)

    @property
    def each(self) -> int:
        """Streams that one connection reads one after the other, to fill the seconds of a round."""
        return max(1, round(self.seconds * 1000 / (self.chunks * self.pace_ms)))


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    cores, wrk, nginx = cpu.cores(), shutil.which("wrk"), systems.nginx_path()
    print(table.facts(cores, nginx, wrk))
    results: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, contextlib.ExitStack() as running:
        home = Path(scratch)
        upstream = running.enter_context(
            systems.responder(cores.load, home, options.chunks, TEXT_CHARACTERS, options.pace_ms)
        )
        rows = _start(options, running, upstream, cores.tested, home, nginx)
        bench = Bench(cores, wrk, home)
        for kind, title in _titles(options).items():
            measured = bench.rounds(rows[kind], options.rounds)
            base = measured[0] if nginx else None
            results[kind] = measured
            print(f"\n{table.render(title, 'request' if kind == 'json' else 'chunk', measured, base)}\n\n{AIMS[kind]}")
    if options.out is not None:
        options.out.write_text(json.dumps({kind: [_plain(each) for each in found] for kind, found in results.items()}))
    return 1 if any(each.bad() for found in results.values() for each in found) else 0


def _start(
    options: Options,
    running: contextlib.ExitStack,
    upstream: Running,
    core: set[int],
    home: Path,
    nginx: str | None,
) -> dict[str, list[Row]]:
    """All systems side by side: who is not asked costs nothing. nginx is the first row of each table."""
    rows: dict[str, list[Row]] = {"json": [], "stream": []}
    if nginx:
        found = running.enter_context(systems.nginx(nginx, upstream, core, home))
        _add(rows, options, "nginx, one hop", found, "", "/v1/messages", _messages(options))
    ours = running.enter_context(systems.gateway(options.model, upstream, core, home))
    code, proxied = "/v3/code/completions", "/internal/proxy/anthropic/v1/messages"
    _add(rows, options, "AI Gateway, code completion", ours, code, code, _code())
    _add(rows, options, "AI Gateway, proxy", ours, proxied, proxied, _messages(options))
    for peer in peers.PEERS:
        command = peer.command()
        if command is None:
            print(f"peers    {peer.absence()}")
            continue
        other = running.enter_context(peers.running(peer, command, upstream, core, home))
        chat = "/v1/chat/completions"
        _add(rows, options, peer.name, other, chat, chat, _messages(options) | {"model": "bench"})
    return rows


def _add(
    rows: dict[str, list[Row]],
    options: Options,
    name: str,
    running: Running,
    target: str,
    streamed: str,
    body: dict[str, Any],
) -> None:
    """A row in each table. nginx passes streams on elsewhere (see its settings), which an empty `target` stands for."""
    common = {"url": running.url, "headers": {**running.headers, **JSON_TYPE}}
    whole = {"target": target or streamed, "stream": False, "workers": options.connections, "seconds": options.seconds}
    is_peer = any(name == peer.name for peer in peers.PEERS)
    asked = convert(common | whole | {"body": _padded(body, False)}, Job)
    rows["json"].append(Row(name, running.pid, asked, may_fail=is_peer))
    paced = {
        "target": streamed if target else f"/streamed{streamed}",
        "stream": True,
        "workers": options.streams,
        "each": options.each,
        "stagger": options.pace_ms / 1000 * 5,
    }
    answer = {"body": _padded(body, True)} | _expected(options, name)
    rows["stream"].append(Row(name, running.pid, convert(common | paced | answer, Job), options.chunks, is_peer))


def _expected(options: Options, name: str) -> dict[str, str]:
    """What a streamed answer must be: the text, the upstream's own bytes, or (from others) something to its end."""
    if "code" in name:
        return {"exact": responder.text(options.chunks, TEXT_CHARACTERS)}
    if any(name == peer.name for peer in peers.PEERS):
        return {"ending": "data: [DONE]\n\n"}
    return {"exact": responder.events(options.chunks, TEXT_CHARACTERS).decode()}


def _messages(options: Options) -> dict[str, Any]:
    return {"model": options.model, "max_tokens": 1024, "messages": [{"role": "user", "content": ""}]}


def _code() -> dict[str, Any]:
    payload = {"file_name": "app.py", "content_above_cursor": "", "content_below_cursor": "\n\n"}
    return {"prompt_components": [{"type": "code_editor_completion", "payload": payload}]}


def _padded(body: dict[str, Any], stream: bool) -> str:
    """The body as JSON, with as much text in it as makes it BODY_BYTES long."""
    body = json.loads(json.dumps(body))
    if "messages" in body:
        holder, field, asks = body["messages"][0], "content", body
    else:
        asks = body["prompt_components"][0]["payload"]
        holder, field = asks, "content_above_cursor"
    if stream:
        asks["stream"] = True
    missing = BODY_BYTES - len(json.dumps(body))
    holder[field] = ("value = 1\n" * BODY_BYTES)[: missing * 10 // 11]
    holder[field] += "#" * (BODY_BYTES - len(json.dumps(body)))
    return json.dumps(body)


def _titles(options: Options) -> dict[str, str]:
    connections, streams, pace = options.connections, options.streams, f"{options.pace_ms:g} ms"
    rounds = f"{options.rounds} rounds in turn; median (least–most)"
    titles = {
        "json": f"JSON requests: 2 KB in, 1 KB from upstream, {connections} keep-alive connections; {rounds}",
        "stream": f"Streams: {streams} at a time, each {options.chunks} chunks, one every {pace}; {rounds}",
    }
    return {kind: title for kind, title in titles.items() if options.only in (None, kind)}


def _plain(measured: Measured) -> dict[str, Any]:
    return {
        "what": measured.row.name,
        "good": measured.good(),
        "bad": measured.bad(),
        "cpu_micros": measured.micros()._asdict(),
        "by_process": measured.parts(),
        "per_second": measured.rate()._asdict(),
        "reads_per_unit": measured.reads_per_unit(),
    }


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="bench", description="CPU per request and per chunk, beside nginx")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one measurement (default: 4)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each row, in turn (default: 5)")
    parser.add_argument("--only", choices=("json", "stream"), help="one of the two tables")
    parser.add_argument("--connections", type=int, default=16, help="for JSON requests (default: 16)")
    parser.add_argument("--streams", type=int, default=100, help="at a time (default: 100)")
    parser.add_argument("--chunks", type=int, default=50, help="of each stream (default: 50)")
    parser.add_argument("--pace-ms", type=float, default=20.0, help="between two chunks (default: 20)")
    parser.add_argument("--out", type=Path, help="a file for the results as JSON")
    return Options(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
