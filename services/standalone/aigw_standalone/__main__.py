# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_standalone`: the `aigw` command."""

from aigw_standalone.cli import main

main(prog_name="aigw")
