# SPDX-License-Identifier: Apache-2.0
"""What every service reads from its environment. Names start with AIGW_; groups are joined by two underscores."""

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class TlsSettings(BaseModel):
    """PEM files that are re-read when they change. Without a certificate a service speaks plain HTTP."""

    cert_file: str = ""
    key_file: str = ""
    ca_file: str = Field("", description="Authorities of the other parts' certificates; these alone are trusted.")


class ServiceSettings(BaseSettings):
    """Sockets come as file descriptors (bound by a parent, no port can be lost in between) or as host and port."""

    model_config = SettingsConfigDict(env_prefix="AIGW_", env_nested_delimiter="__", extra="ignore")

    host: str = "0.0.0.0"  # noqa: S104 - a service in a pod is reached from outside; `aigw up` passes a bound socket
    port: int = 5052
    metrics_host: str = "0.0.0.0"  # noqa: S104 - as above
    metrics_port: int = 8082
    listen_fd: int | None = None
    metrics_fd: int | None = None
    lifeline_fd: int | None = Field(None, description="A pipe whose end of file means that the parent is gone.")
    tls: TlsSettings = TlsSettings()
    internal_key_file: str = Field("", description="The credential between services; empty only where none is asked.")
    log_level: str = "INFO"
    drain_seconds: float = Field(30.0, description="How long running requests may take after SIGTERM.")
    read_timeout: float = Field(10.0, description="Seconds that a client has to send head and body.")
