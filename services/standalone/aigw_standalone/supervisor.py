# SPDX-License-Identifier: Apache-2.0
"""Keeps what runs equal to what the manifest says: files written, services started, stopped and restarted."""

import os
import socket
import time
from pathlib import Path

from aigw_contract.gateway import Provider
from aigw_contract.plan import revision
from aigw_kit.files import POLL_SECONDS
from aigw_standalone import plan
from aigw_standalone.keys import Keys, write_private
from aigw_standalone.manifest import Manifest
from aigw_standalone.processes import Service, StartFailed, child_environment, stop, wait_ready

START_SECONDS = 30.0
FORGET_SECONDS = 2 * POLL_SECONDS  # within which the router has read a new table
DRAIN_SECONDS = "3"

Providers = dict[str, tuple[Service, bytes]]
"""Provider name -> its service and the settings that it was started with."""


class Supervisor:
    """`apply` brings everything to a manifest, the first time and each time it changes; `stop` ends it."""

    def __init__(
        self,
        directory: Path,
        keys: Keys,
        listener: socket.socket,
        metrics: socket.socket,
        logs: bool,
        log_level: str,
    ) -> None:
        """`logs`: print them instead of writing files."""
        self._directory = directory
        self._keys = keys
        self._made_signing_key = keys.signing.read_bytes()
        self._to_files = not logs
        self._log_level = log_level
        self._lifeline, self._lifeline_ours = os.pipe()
        self._providers: Providers = {}
        self._auth = self._service("auth", ["aigw_auth"], "auth.json")
        self.router = Service(
            "router",
            ["aigw_router"],
            self._environment(AIGW_TABLE_FILE=str(directory / "table.json"), AIGW_AUTH_URL=self._auth.url),
            self._log("router"),
            listener,
            metrics,
        )

    def start(self, manifest: Manifest) -> None:
        """Raises StartFailed."""
        self._sync_providers(manifest)
        self._write_shared(manifest)
        self._auth.start(self._lifeline)
        self.router.start(self._lifeline)
        wait_ready(self.services(), START_SECONDS)

    def apply(self, manifest: Manifest) -> None:
        """New providers are ready before the router hears of them; old ones stop after it has forgotten them.

        Raises StartFailed, and then all is as it was.
        """
        before = self._providers.copy()
        try:
            self._sync_providers(manifest)
            wait_ready([service for service, _ in self._providers.values()], START_SECONDS)
        except StartFailed:
            failed, self._providers = self._providers, before
            stop(_only_in(failed, before))
            raise
        self._write_shared(manifest)
        if gone := _only_in(before, self._providers):
            time.sleep(FORGET_SECONDS)
            stop(gone)

    def keep_running(self) -> list[str]:
        """Restart what ended; the names of what was restarted."""
        return [service.name for service in self.services() if service.keep_running(self._lifeline)]

    def services(self) -> list[Service]:
        return [self._auth, *(service for service, _ in self._providers.values()), self.router]

    def stop(self) -> None:
        os.close(self._lifeline_ours)
        stop([self.router, *(service for service, _ in self._providers.values()), self._auth])
        os.close(self._lifeline)

    def _sync_providers(self, manifest: Manifest) -> None:
        wanted = {provider.name: provider for provider in manifest.gateway.spec.providers}
        self._providers = {name: known for name, known in self._providers.items() if name in wanted}
        for provider in wanted.values():
            self._sync_provider(manifest, provider)

    def _sync_provider(self, manifest: Manifest, provider: Provider) -> None:
        """A changed credential is picked up by the running service; changed settings need another service."""
        credential = plan.credential(provider, manifest.secrets, os.environ)
        file = credential.file
        if credential.content is not None:
            file = str(self._directory / "credentials" / provider.name)
            write_private(Path(file), credential.content)
        settings = plan.provider_file(manifest.gateway, provider, file)
        if provider.name in self._providers and self._providers[provider.name][1] == settings:
            return
        settings_file = f"provider-{provider.name}-{revision(settings)}.json"
        write_private(self._directory / settings_file, settings)
        service = self._service(f"provider-{provider.name}", ["aigw_providers", provider.name], settings_file)
        service.start(self._lifeline)
        self._providers[provider.name] = (service, settings)

    def _write_shared(self, manifest: Manifest) -> None:
        urls = {name: service.url for name, (service, _) in self._providers.items()}
        self._write_keys(manifest)
        write_private(self._directory / "auth.json", plan.auth_file(manifest, self._keys))
        write_private(self._directory / "table.json", plan.table_file(manifest.gateway, urls))

    def _write_keys(self, manifest: Manifest) -> None:
        """Always at the same places, so that `aigw token` finds them; auth re-reads them."""
        own = manifest.gateway.spec.keys
        write_private(self._keys.signing, manifest.secret(own.signing) or self._made_signing_key)
        if (validation := manifest.secret(own.validation)) is not None:
            write_private(self._keys.validation, validation)

    def _service(self, name: str, arguments: list[str], settings_file: str) -> Service:
        environment = self._environment(AIGW_SETTINGS_FILE=str(self._directory / settings_file))
        return Service(name, arguments, environment, self._log(name))

    def _environment(self, **extra: str) -> dict[str, str]:
        common = {"AIGW_INTERNAL_KEY_FILE": str(self._keys.internal), "AIGW_DRAIN_SECONDS": DRAIN_SECONDS}
        common["AIGW_LOG_LEVEL"] = self._log_level
        return child_environment(common | extra, list(plan.KEY_VARIABLES.values()))

    def _log(self, name: str) -> Path | None:
        if not self._to_files:
            return None
        (self._directory / "logs").mkdir(exist_ok=True)
        return self._directory / "logs" / f"{name}.log"


def _only_in(these: Providers, others: Providers) -> list[Service]:
    kept = [service for service, _ in others.values()]
    return [service for service, _ in these.values() if service not in kept]
