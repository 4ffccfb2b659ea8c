# SPDX-License-Identifier: Apache-2.0
"""What the operator reads from its environment."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from aigw_operator.lives import USUAL, Lives


class OperatorSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="AIGW_OPERATOR_", extra="ignore")

    namespace: str = Field("ai-gateway", description="Its own: where its Lease is, and whose pods may probe gateways.")
    watch_namespaces: str = Field("", description="Comma-separated; empty means the whole cluster.")
    image_prefix: str = Field("ghcr.io/ai-gateway/aigw-", description="Where gateways' images are by default.")
    image_tag: str = "dev"
    manage_crd: bool = Field(True, description="Apply the CRD at start, because Helm never upgrades one.")
    identity: str = Field("", description="Its name in the Lease; by default the host's name, which is the pod's.")
    workers: int = Field(4, ge=1, description="Gateways that are reconciled at a time.")
    resync_seconds: float = Field(60.0, gt=0, description="How often a gateway is looked at when nothing changed.")
    authority_seconds: float = Field(USUAL.authority.total_seconds(), gt=0, description="Life of an authority.")
    certificate_seconds: float = Field(USUAL.certificate.total_seconds(), gt=0, description="Life of a certificate.")
    handover_seconds: float = Field(
        USUAL.handover.total_seconds(), ge=0, description="How long a new authority is only believed before it signs."
    )
    health_port: int = 8080
    metrics_port: int = 8082

    @property
    def namespaces(self) -> list[str]:
        return [name.strip() for name in self.watch_namespaces.split(",") if name.strip()]

    @property
    def lives(self) -> Lives:
        """Of the certificates between the parts."""
        found = (self.authority_seconds, self.certificate_seconds, self.handover_seconds)
        return Lives(*(timedelta(seconds=seconds) for seconds in found))
