# SPDX-License-Identifier: Apache-2.0
"""What each feature does, without I/O: read what was asked, plan the attempts, shape the answer."""
