# SPDX-License-Identifier: Apache-2.0
"""A whole gateway, run by `aigw up` as real processes, between real clients and the scripted upstream."""
