# SPDX-License-Identifier: Apache-2.0
"""What the endpoints share."""

from typing import NamedTuple

from aigw_kit.guard import InternalKey
from aigw_router.callers import Callers
from aigw_router.dispatch import Dispatch
from aigw_router.table import Tables


class Parts(NamedTuple):
    tables: Tables
    callers: Callers
    dispatch: Dispatch
    key: InternalKey
