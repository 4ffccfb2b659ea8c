# SPDX-License-Identifier: Apache-2.0
"""How long certificates live. Pure."""

from datetime import timedelta
from typing import NamedTuple


class Lives(NamedTuple):
    """`handover`: from believing a new authority to its signing. Pods must have read their files anew by then."""

    authority: timedelta = timedelta(days=730)
    certificate: timedelta = timedelta(days=90)
    handover: timedelta = timedelta(hours=1)

    @property
    def skew(self) -> timedelta:
        """How far in the past a certificate begins, as clocks differ."""
        return min(timedelta(minutes=5), self.certificate / 10)


USUAL = Lives()
