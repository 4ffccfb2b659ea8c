# SPDX-License-Identifier: Apache-2.0
"""Keys whose private halves anyone can read: whoever copied one into production is refused, not trusted.

Named by their RFC 7638 SHA-256 thumbprints. Listed are only keys that were checked to be exactly those (the published
signature verifies, or the published thumbprint matches). Not listed: the development keys in the example files of other
gateways, GitLab's among them, and the test keys of libraries; an installation adds such by
`AIGW_REFUSED_KEY_THUMBPRINTS`.
"""

PUBLISHED: dict[str, str] = {
    "IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8": "RFC 7515, appendix A.2 (RSA)",
    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs": "RFC 7517, appendix A.2, and RFC 7638, section 3.1 (RSA)",
    "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI": "RFC 7520, sections 3.3 and 3.4 (RSA)",
    "oGDmHqCJ7yzMkWEkrlZVHkvrHIyQwtlDmeq5ForUHeY": "the RS256 example of jwt.io (RSA)",
}
"""Thumbprint -> where the key is published."""
