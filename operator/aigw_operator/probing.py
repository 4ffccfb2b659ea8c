# SPDX-License-Identifier: Apache-2.0
"""Asks pods themselves: which configuration they have read, and whether a request goes through all of them."""

import ssl
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import jwt
import msgspec

from aigw_contract.probes import Probe, Probed
from aigw_operator.desired.context import PORT, Context

TIMEOUT = 3.0
MODEL_TIMEOUT = 25.0  # the router gives each model 20
TOKEN_SECONDS = 120
OPERATOR = "aigw-operator"
READ = "aigateway.dev/read-revision"
"""Annotation of a pod: see `nudge`."""


class Pod(NamedTuple):
    name: str
    part: str
    address: str
    ready: bool
    read: str = ""


class Late(NamedTuple):
    """A pod that does not use the configuration that it should: of which part, and why."""

    part: str
    why: str


class Keys(NamedTuple):
    """What a probe needs of the gateway's Secrets: PEM bundle, internal credential, PEM signing key."""

    bundle: bytes
    internal: bytes
    signing: bytes


def pods_of(objects: list[dict[str, Any]]) -> list[Pod]:
    """Pods that are not on their way out."""
    return [_pod(o) for o in objects if not o["metadata"].get("deletionTimestamp")]


class Prober:
    """For one gateway at one moment. Nothing here raises: what did not work is part of the answer."""

    def __init__(self, context: Context, keys: Keys) -> None:
        self._context = context
        self._keys = keys
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(cadata=keys.bundle.decode())
        self._client = httpx.Client(verify=tls, timeout=TIMEOUT, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def behind(self, pods: list[Pod], wanted: Mapping[str, str]) -> list[Late]:
        """Pods that do not say that they use the revision wanted of their part."""
        with ThreadPoolExecutor(max_workers=8) as threads:
            found = threads.map(lambda pod: Late(pod.part, self._behind(pod, wanted.get(pod.part, ""))), pods)
            return [late for late in found if late.why]

    def probe(self, pods: list[Pod], models: Sequence[str] = ()) -> tuple[Probed | None, str]:
        """A synthetic request through each router pod: the first answer if all gave one, else the first error.

        `models` are asked through the first pod alone, as it costs something.
        """
        answers: list[Probed] = []
        for pod in pods:
            if pod.part == "router":
                probed, error = self._probe(pod, [] if answers else models)
                if probed is None:
                    return None, f"{pod.name}: {error}"
                answers.append(probed)
        return (answers[0], "") if answers else (None, "there is no router pod")

    def _behind(self, pod: Pod, wanted: str) -> str:
        try:
            answer = self._client.get(*self._at(pod, "/readyz"), **self._tls_name(pod)).json()
        except (httpx.HTTPError, ValueError) as error:
            return f"{pod.name} does not answer ({type(error).__name__})"
        if answer.get("revision") != wanted:
            return f"{pod.name} uses {answer.get('revision') or 'no revision'}, not {wanted}"
        return "" if answer.get("status") == "ok" else f"{pod.name} waits for {', '.join(answer.get('missing', []))}"

    def _probe(self, pod: Pod, models: Sequence[str]) -> tuple[Probed | None, str]:
        asked = msgspec.json.encode(Probe([*models]))
        timeout = MODEL_TIMEOUT if models else TIMEOUT
        url, name = self._at(pod, "/probe"), self._tls_name(pod)
        try:
            answer = self._client.post(*url, headers=self._headers(), content=asked, timeout=timeout, **name)
        except httpx.HTTPError as error:
            return None, type(error).__name__
        if answer.status_code != 200:
            return None, f"status {answer.status_code}: {answer.text[:200]}"
        return msgspec.json.decode(answer.content, type=Probed), ""

    def _at(self, pod: Pod, path: str) -> tuple[str]:
        scheme = "http" if pod.part == "router" else "https"
        host = f"[{pod.address}]" if ":" in pod.address else pod.address
        return (f"{scheme}://{host}:{PORT}{path}",)

    def _tls_name(self, pod: Pod) -> dict[str, Any]:
        """The certificate is for the Service's name, the connection goes to the pod's address."""
        return {"extensions": {"sni_hostname": self._context.host(pod.part)}} if pod.part != "router" else {}

    def _headers(self) -> dict[str, str]:
        """As a user's request has them, with a token of the gateway's own."""
        audience, now = self._context.gateway.spec.auth.audience, int(time.time())
        claims = {
            "iss": audience, "aud": audience, "sub": OPERATOR, "iat": now, "nbf": now - 5, "exp": now + TOKEN_SECONDS,
            "jti": str(uuid.uuid4()), "gitlab_realm": "", "scopes": [],
        }  # fmt: skip
        return {
            "authorization": f"Bearer {jwt.encode(claims, self._keys.signing, 'RS256')}",
            "x-gitlab-authentication-type": "oidc",
            "x-gitlab-global-user-id": OPERATOR,
            "x-aigw-internal-key": self._keys.internal.decode("latin-1").strip(),
        }


def _pod(body: dict[str, Any]) -> Pod:
    status = body.get("status", {})
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
    part = body["metadata"]["labels"]["app.kubernetes.io/component"]
    read = body["metadata"].get("annotations", {}).get(READ, "")
    return Pod(body["metadata"]["name"], part, status.get("podIP", ""), ready, read)
