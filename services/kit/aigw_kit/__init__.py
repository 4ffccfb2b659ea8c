# SPDX-License-Identifier: Apache-2.0
"""How a service stands up: the edge every request enters by, serving, logs, metrics, settings, the lean HTTP client."""
