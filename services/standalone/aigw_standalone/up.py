# SPDX-License-Identifier: Apache-2.0
"""`aigw up`: a whole gateway in the foreground, until Ctrl-C."""

import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import click

from aigw_kit.serve import bind
from aigw_standalone import keys, manifest, plan, state, tokens
from aigw_standalone.environment import Settings
from aigw_standalone.keys import Keys
from aigw_standalone.manifest import BadManifest
from aigw_standalone.processes import StartFailed
from aigw_standalone.supervisor import Supervisor
from aigw_standalone.wanted import Options, Wanted, find

POLL_SECONDS = 0.2
NO_TOKEN = "<token>"  # noqa: S105 - what stands where a token is not shown

EXAMPLE = {
    "prompt_components": [{
        "type": "code_editor_completion",
        "payload": {
            "file_name": "hello.py", "language_identifier": "python",
            "content_above_cursor": "def hello_world():\n", "content_below_cursor": "",
        },
    }]
}  # fmt: skip
NAMED = {
    "model_metadata": {"provider": "litellm", "endpoint": "https://<your model server>/v1", "identifier": "<model>"}
}
"""Where the gateway has no model of its own."""


class UsageFault(Exception):
    """One line (or several) for the user; the exit code is 2."""


def up(options: Options) -> None:
    """Runs until SIGINT or SIGTERM. Raises UsageFault for what the user can mend."""
    try:
        _up(options)
    except OSError as error:  # a file that cannot be written, such as the ready file
        raise UsageFault(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None


def _up(options: Options) -> None:
    stopping = _Stopping()
    try:
        wanted = find(options, os.environ)
    except BadManifest as bad:
        raise UsageFault("\n".join(bad.faults)) from None
    with _sockets(wanted.settings) as (listener, metrics), _run_directory() as directory:
        made = keys.make(directory)
        supervisor = Supervisor(directory, made, listener, metrics, options.logs, wanted.log_level)
        try:
            supervisor.start(wanted.manifest)
            _run(options, wanted, supervisor, made, directory, stopping)
        except StartFailed as failed:
            raise UsageFault(str(failed)) from None
        finally:
            supervisor.stop()


def _run(
    options: Options, wanted: Wanted, supervisor: Supervisor, made: Keys, directory: Path, stopping: "_Stopping"
) -> None:
    audience = wanted.manifest.gateway.spec.auth.audience
    running = state.Running(supervisor.router.url, os.getpid(), audience, str(made.issuer), str(made.signing))
    announced = state.announce(running)
    try:
        asked = tokens.Wanted(audience=running.audience)
        token = tokens.mint(asked, made.issuer, made.signing)
        _write_ready_file(options.ready_file, supervisor, token)
        shown = tokens.headers(asked, NO_TOKEN if options.logs and wanted.names else token)
        click.echo(banner(wanted, supervisor, shown, directory if not options.logs else None))
        _watch(options.files, wanted, supervisor, stopping)
    finally:
        announced.unlink(missing_ok=True)
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)
        click.echo("\nStopping.")


def banner(wanted: Wanted, supervisor: Supervisor, headers: dict[str, str], directory: Path | None) -> str:
    """What a user needs to go on: a request that works as pasted, and where things are.

    A container's output is kept by others: where a token could cost somebody money, `<token>` stands in its place.
    """
    url = supervisor.router.url
    lines = "".join(f" \\\n  -H '{name}: {value}'" for name, value in headers.items())
    body = json.dumps(EXAMPLE if wanted.manifest.gateway.spec.models else EXAMPLE | NAMED)
    hint = "`aigw token` prints a token" if NO_TOKEN in lines else "the token is good for an hour; another: aigw token"
    providers = ", ".join(f"{p.name} ({p.type})" for p in wanted.manifest.gateway.spec.providers)
    warnings = [*plan.warnings(wanted.manifest, os.environ), *plan.warnings_of_keys(wanted.manifest)]
    notes = "".join(f"\nwarning    {text}" for text in warnings)
    if wanted.names:
        notes += f"\nmade from  {', '.join(wanted.names)} (the object: aigw check --environment)"
    notes += "".join(f"\n{note}" for note in wanted.notes)
    return (
        f"\nAI Gateway is ready at {url}\n\n"
        f"Try it ({hint}):\n\n"
        f"curl -s {url}/v3/code/completions{lines} \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'\n\n"
        f"providers  {providers}\n"
        f"API page   {url}/docs\n"
        f"metrics    {supervisor.router.metrics_url}\n"
        f"logs       {directory / 'logs' if directory else 'below'}{notes}\n\n"
        f"Stop with Ctrl-C."
    )


def _watch(files: Sequence[Path], wanted: Wanted, supervisor: Supervisor, stopping: "_Stopping") -> None:
    """Follow the manifest files, and restart services that end, until told to stop."""
    seen = _signatures(files)
    while not stopping.wait(POLL_SECONDS):
        for name in supervisor.keep_running():
            click.echo(f"The service {name} ended and was started again.", err=True)
        if (now := _signatures(files)) != seen:
            seen = now
            _apply(files, wanted, supervisor)


def _apply(files: Sequence[Path], wanted: Wanted, supervisor: Supervisor) -> None:
    try:
        changed = manifest.read(files)
        supervisor.apply(changed)
    except (BadManifest, StartFailed) as bad:
        click.echo(f"The changed manifest is not used, the last good one serves on:\n{bad}", err=True)
    else:
        click.echo("The changed manifest is in use.")
        if changed.gateway.spec.logging != wanted.manifest.gateway.spec.logging:
            click.echo("spec.logging was read at the start; the change is for the next.")


def _signatures(files: Sequence[Path]) -> list[tuple[int, int, int] | None]:
    def one(path: Path) -> tuple[int, int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    return [one(path) for path in files]


def _write_ready_file(path: Path | None, supervisor: Supervisor, token: str) -> None:
    if path is None:
        return
    services = {s.name: {"url": s.url, "metrics_url": s.metrics_url} for s in supervisor.services()}
    router = services["router"]
    content = {"url": router["url"], "metrics_url": router["metrics_url"], "token": token, "pid": os.getpid()}
    keys.write_private(path, json.dumps(content | {"services": services}).encode())


@contextlib.contextmanager
def _sockets(settings: Settings) -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        _bound(settings.host, settings.port, "--port") as listener,
        _bound(settings.metrics_host, settings.metrics_port, "--metrics-port") as metrics,
    ):
        yield listener, metrics


def _bound(host: str, port: int, option: str) -> socket.socket:
    try:
        return bind(host, port)
    except OverflowError:
        raise UsageFault(f"{port} is not a port") from None
    except OSError as error:
        raise UsageFault(f"cannot listen on {host}:{port}: {error.strerror} (choose another with {option})") from None


@contextlib.contextmanager
def _run_directory() -> Iterator[Path]:
    """For keys, tables and logs; only its user may look, and it is gone at the end."""
    directory = Path(tempfile.mkdtemp(prefix="aigw-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class _Stopping:
    """SIGINT and SIGTERM set a flag, so that no cleaning up is interrupted half-way."""

    def __init__(self) -> None:
        self._asked = False
        for known in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(known, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._asked and time.monotonic() < deadline:
            time.sleep(0.05)
        return self._asked
