# SPDX-License-Identifier: Apache-2.0
"""The API server: what is asked of it, and what it told last."""
