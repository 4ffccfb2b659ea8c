# SPDX-License-Identifier: Apache-2.0
"""Texts for each variable of GitLab's image, good and bad."""

import json
from typing import Any

from unit.auth.making import curve_key, pem, public_pem, rsa_key

KEY = pem(rsa_key("signing")).decode().strip()
OLD_KEY = pem(rsa_key("validation")).decode().strip()
GOOGLE = json.dumps({"type": "service_account", "private_key": "google-secret"})
BASE = {"ANTHROPIC_API_KEY": "sk-anthropic"}

SAMPLES: dict[str, tuple[str, Any]] = {
    "AIGW_GITLAB_URL": ("https://gitlab.example.com/", "https://gitlab.example.com"),
    "AIGW_CUSTOMER_PORTAL_URL": (" https://portal.example.com ", "https://portal.example.com"),
    "AIGW_CLOUD_CONNECTOR_SERVICE_NAME": ("our-gateway", "our-gateway"),
    "ANTHROPIC_API_KEY": ("sk-other", b"sk-other"),
    "ANTHROPIC_BASE_URL": ("http://127.0.0.1:1/anthropic/", "http://127.0.0.1:1/anthropic"),
    "OPENAI_API_KEY": ("sk-openai", b"sk-openai"),
    "OPENAI_BASE_URL": ("https://proxy.example.com/v1", "https://proxy.example.com/v1"),
    "AIGW_VERTEX_TEXT_MODEL__PROJECT": ("our-project", "our-project"),
    "AIGW_VERTEX_TEXT_MODEL__LOCATION": ("europe-west1", "europe-west1"),
    "AIGW_VERTEX_TEXT_MODEL__JSON_KEY": (GOOGLE, GOOGLE.encode()),
    "AIGW_CUSTOM_MODELS__ENABLED": ("true", ["*"]),
    "AIGW_CUSTOM_MODELS__ENDPOINTS": (
        "http://vllm:8000/v1, https://*.models.example.com",
        ["http://vllm:8000/v1", "https://*.models.example.com"],
    ),
    "AIGW_MOCK_MODEL_RESPONSES": ("true", "Echo"),
    "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT": ("30.5", "30500ms"),
    "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": (KEY, KEY.encode()),
    "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY": (OLD_KEY, OLD_KEY.encode()),
}
"""Variable -> a text, and what it is in the object (or in the Secret that the object refers to)."""

BAD = {
    "AIGW_GITLAB_URL": [
        "gitlab.example.com",
        "ftp://gitlab.example.com",
        "https://",
        "https://me:pass-word@gitlab.example.com",
    ],
    "AIGW_CUSTOMER_PORTAL_URL": ["portal"],
    "AIGW_CLOUD_CONNECTOR_SERVICE_NAME": ["x" * 300],
    "ANTHROPIC_API_KEY": ["sk-\nline", "sk-schlüssel"],
    "ANTHROPIC_BASE_URL": ["/messages"],
    "OPENAI_API_KEY": ["sk-\x00"],
    "OPENAI_BASE_URL": ["api.openai.example"],
    "AIGW_VERTEX_TEXT_MODEL__PROJECT": ["p" * 300],
    "AIGW_VERTEX_TEXT_MODEL__LOCATION": ["l" * 300],
    "AIGW_VERTEX_TEXT_MODEL__JSON_KEY": [
        "/etc/key.json",
        "[" * 99_999,
        '"google-secret"',
        '{"private_key": "google-secret"}',
    ],
    "AIGW_CUSTOM_MODELS__ENABLED": ["perhaps"],
    "AIGW_CUSTOM_MODELS__ENDPOINTS": [
        "vllm:8000",
        "http://vllm:8000/v1,",
        "http://me:pass-word@vllm",
        "http://127.1/v1",
        "http://*",
        "http://vllm/../v1",
    ],
    "AIGW_MOCK_MODEL_RESPONSES": ["perhaps"],
    "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT": ["soon", "0", "-1", "nan", "inf", "99999"],
    "AIGW_SELF_SIGNED_JWT__SIGNING_KEY": [
        "not-a-key",
        KEY[:200],
        public_pem(rsa_key("signing")).decode(),
        pem(curve_key()).decode(),
        pem(rsa_key("short", 1024)).decode(),
    ],
    "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY": ["not-a-key", pem(rsa_key("short", 1024)).decode()],
}

SETTING_SAMPLES: dict[str, tuple[str, Any, list[str]]] = {
    "AIGW_FASTAPI__API_HOST": ("0.0.0.0", "0.0.0.0", ["x" * 300]),
    "AIGW_FASTAPI__API_PORT": ("5053", 5053, ["http", "65536", "-1", "1.5"]),
    "AIGW_FASTAPI__METRICS_HOST": ("::", "::", ["x" * 300]),
    "AIGW_FASTAPI__METRICS_PORT": ("0", 0, ["x", "65536"]),
    "AIGW_LOGGING__LEVEL": ("debug", "DEBUG", ["loud"]),
}
"""Variable -> a text, what it means, and texts that mean nothing."""

NAMED_BY_GITLAB = [
    "AIGW_GITLAB_URL",
    "AIGW_GITLAB_API_URL",
    "AIGW_CUSTOMER_PORTAL_URL",
    "AIGW_CLOUD_CONNECTOR_SERVICE_NAME",
    "AIGW_CUSTOM_MODELS__ENABLED",
    "AIGW_CUSTOM_MODELS__DISABLE_STREAMING",
    "AIGW_CUSTOM_MODELS__EXTRA_HEADERS",
    "AIGW_SELF_SIGNED_JWT__SIGNING_KEY",
    "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY",
    "AIGW_FASTAPI__API_HOST",
    "AIGW_FASTAPI__API_PORT",
    "AIGW_FASTAPI__METRICS_HOST",
    "AIGW_FASTAPI__METRICS_PORT",
    "AIGW_FASTAPI__DOCS_URL",
    "AIGW_FASTAPI__OPENAPI_URL",
    "AIGW_FASTAPI__REDOC_URL",
    "AIGW_FASTAPI__TLS__ANY",
    "AIGW_LOGGING__LEVEL",
    "AIGW_LOGGING__ANY",
    "AIGW_MODEL_ENGINE_LIMITS",
    "AIGW_MODEL_SELECTION__DEFAULT_MODELS",
    "AIGW_MODEL_SELECTION__MODEL_PARAMS",
    "AIGW_MODEL_SELECTION__PROMPT_PARAMS",
    "AIGW_MODEL_KEYS__ANY",
    "AIGW_MTLS__ANY",
    "AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT",
    "AIGW_MOCK_MODEL_RESPONSES",
    "AIGW_FEATURE_FLAGS__DISALLOWED_FLAGS",
    "AIGW_PROXY_ENDPOINTS__SELF_MANAGED_ENABLED",
    "AIGW_PROXY_ENDPOINTS__SAAS_ENABLED",
    "AIGW_AUTH__BYPASS_EXTERNAL",
    "AIGW_AUTH__BYPASS_EXTERNAL_WITH_HEADER",
    "AIGW_AUTH__BYPASS_JWT_SIGNATURE",
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "WEB_CONCURRENCY",
    "PROMETHEUS_MULTIPROC_DIR",
    "HF_HOME",
]
