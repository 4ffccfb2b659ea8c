# SPDX-License-Identifier: Apache-2.0
"""What `aigw up` shall run and where it shall listen: the command line first, then the environment."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from aigw_standalone import environment, manifest
from aigw_standalone.environment import Settings
from aigw_standalone.manifest import BadManifest, Manifest
from aigw_standalone.variables import FILES


class Options(NamedTuple):
    """The command line; what it leaves out (None) the environment may say."""

    files: Sequence[Path]
    echo: bool  # the built-in gateway, whatever the environment says of providers
    host: str | None
    port: int | None
    metrics_host: str | None
    metrics_port: int | None
    ready_file: Path | None
    logs: bool


class Wanted(NamedTuple):
    """What shall run. `names`: the variables that made it, none for files and the built-in object."""

    manifest: Manifest
    settings: Settings
    names: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def log_level(self) -> str:
        """The environment's, else the object's."""
        return self.settings.log_level or self.manifest.gateway.spec.logging.level


def find(options: Options, environ: Mapping[str, str]) -> Wanted:
    """The files, or what the variables of GitLab's image make. Raises BadManifest."""
    settings = _settings(options, environ)
    if options.files or options.echo:
        return Wanted(manifest.read(options.files), settings)
    made = environment.read(environ)
    for name in FILES if made.names else ():
        if (file := environ.get(name)) and not os.access(file, os.R_OK):
            raise BadManifest([f"{name}: {file} cannot be read"])
    return Wanted(made.manifest, settings, made.names, made.notes)


def _settings(options: Options, environ: Mapping[str, str]) -> Settings:
    """The command line comes first, then the environment."""
    said = {name: getattr(options, name) for name in ("host", "port", "metrics_host", "metrics_port")}
    settings = environment.settings(environ)._replace(**{k: v for k, v in said.items() if v is not None})
    return settings._replace(log_level=environ.get("AIGW_LOG_LEVEL") or settings.log_level)
