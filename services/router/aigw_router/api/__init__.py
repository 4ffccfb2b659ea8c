# SPDX-License-Identifier: Apache-2.0
"""The public endpoints. A handler is short enough to be the documentation: read, plan, dispatch, answer."""
