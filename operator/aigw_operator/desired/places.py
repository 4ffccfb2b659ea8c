# SPDX-License-Identifier: Apache-2.0
"""Where a pod finds its files, and the names of what is mounted there. Secrets come from `aigw_operator.generated`."""

CONFIG = "/etc/aigw/config"  # a ConfigMap per part
TABLE_FILE = f"{CONFIG}/table.json"
SETTINGS_FILE = f"{CONFIG}/settings.json"

TLS = "/etc/aigw/tls"  # Secret <gateway>-tls-<part>: tls.crt, tls.key, ca.crt (the router's has ca.crt alone)
INTERNAL = "/etc/aigw/internal"  # Secret <gateway>-internal: key
INTERNAL_KEY_FILE = f"{INTERNAL}/key"
SIGNING = "/etc/aigw/signing"  # Secret <gateway>-signing: signing.pem; validation.pem if spec.keys has one; auth only
SIGNING_FILE = f"{SIGNING}/signing.pem"
VALIDATION_FILE = f"{SIGNING}/validation.pem"
CREDENTIALS = "/etc/aigw/credentials"  # the provider's own Secret, the key it names as `credential`
CREDENTIAL_FILE = f"{CREDENTIALS}/credential"
TRUST = "/etc/aigw/trust"  # the ConfigMap of spec.trust.caBundle
TRUST_FILE = f"{TRUST}/ca.crt"
