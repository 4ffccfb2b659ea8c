# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_operator.crd`: print the CRD."""

import sys

from aigw_operator.crd import text

if __name__ == "__main__":
    sys.stdout.write(text())
