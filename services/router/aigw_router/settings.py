# SPDX-License-Identifier: Apache-2.0
"""What the router reads from its environment."""

from pydantic import Field

from aigw_kit.settings import ServiceSettings


class RouterSettings(ServiceSettings):
    table_file: str = Field(description="JSON: aigw_contract.table.RoutingTable; re-read when it changes.")
    auth_url: str = Field(description="Where the auth service listens.")
