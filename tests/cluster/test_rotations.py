# SPDX-License-Identifier: Apache-2.0
"""Keys, authorities and certificates change under load: no request fails, and no pod is restarted."""

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from cluster import kube
from cluster.asking import Load, ask, wait
from cluster.conftest import Client, Issuer, install, manifest, secret
from cluster.looking import edit, pods, runs, until_serves
from cluster.upstream import upstream
from cluster.where import host
from integration.kit.authority import Authority

pytestmark = pytest.mark.cluster

READ = "import sys; print(open(sys.argv[1]).read())"
LIVES = {"AUTHORITY_SECONDS": 90, "CERTIFICATE_SECONDS": 60, "HANDOVER_SECONDS": 15, "RESYNC_SECONDS": 3}
TRUST = "/etc/aigw/trust/ca.crt"


def models(name: str, url: str, **more: Any) -> dict[str, Any]:
    """The gateway's one model at a server of one's own.

    Each test has a provider of its own name: through connections that routers keep, pods of the last one that are on
    their way out would be asked for some seconds more.
    """
    reference = {"secretRef": {"name": "models-key", "key": "api-key"}}
    return {
        "providers": [{"name": name, "type": "OpenAICompatible", "endpoint": url, "credentials": reference}],
        "models": [{"name": "echo", "provider": name, "id": "m"}],
        **more,
    }


def test_a_key_changes_under_load(client: Client, issuer: Issuer, gateway: str) -> None:
    where = client.namespace
    kube.apply(secret("models-key", where, api_key="sk-old"))
    with upstream() as server:
        until_serves(gateway, where, edit(gateway, where, models("keyed", server.url)))
        before = runs(where, "provider-keyed")
        with Load(client, issuer, gateway) as load:
            kube.until("the old key arrives", lambda: len(server.keys) > 20, 30)
            kube.apply(secret("models-key", where, api_key="sk-new"))
            kube.until("the new key arrives, of every pod", lambda: set(server.keys[-50:]) == {"Bearer sk-new"}, 100)
        assert load.found["bad"] == []
        assert set(server.keys) == {"Bearer sk-old", "Bearer sk-new"}
        assert runs(where, "provider-keyed") == before


def test_an_authority_of_ones_own_changes_under_load(
    client: Client, issuer: Issuer, gateway: str, tmp_path: Path
) -> None:
    """First both are believed, then the server shows the other's certificate; at last the first is believed no more."""
    where, first, second = client.namespace, authority(tmp_path, "one"), authority(tmp_path, "two")
    kube.apply(secret("models-key", where, api_key="sk-one"))
    bundle(where, first)
    with upstream(tls := first.server(host())) as server:
        trust = {"caBundle": {"name": "models-ca", "key": "ca.crt"}}
        until_serves(gateway, where, edit(gateway, where, models("trusting", server.url, trust=trust)))
        before = runs(where, "provider-trusting")
        with Load(client, issuer, gateway) as load:
            kube.until("the first is believed", lambda: len(server.keys) > 20, 30)
            until_read(where, bundle(where, first, second))
            tls.load_cert_chain(*second.files(host()))
            known = len(server.keys)
            kube.until("the second is believed", lambda: len(server.keys) > known + 50, 30)
        assert load.found["bad"] == []
        until_read(where, bundle(where, second))
        assert ask(client, issuer, gateway)["bad"] == []
        tls.load_cert_chain(*first.files(host()))
        assert ask(client, issuer, gateway)["bad"] != []
        assert runs(where, "provider-trusting") == before


def authority(folder: Path, name: str) -> Authority:
    (folder / name).mkdir()
    return Authority(folder / name, f"Authority {name}")


def bundle(namespace: str, *authorities: Authority) -> str:
    """What the ConfigMap holds from now on."""
    text = "".join(Path(one.ca_file).read_text() for one in authorities)
    metadata = {"name": "models-ca", "namespace": namespace}
    kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": text}})
    return text


def until_read(namespace: str, text: str) -> None:
    """It is in every pod of the provider, and the service has looked: it does so twice a second."""

    def arrived(pod: str) -> bool:
        words = ("exec", "-n", namespace, pod, "--", "/opt/aigw/bin/python", "-c", READ, TRUST)
        return kube.kubectl(*words).strip() == text.strip()

    found = pods(namespace, "provider-trusting")
    kube.until("the bundle is in the pods", lambda: all(map(arrived, found)), 100)
    wait(1.5)


@pytest.mark.usefixtures("own_operator")
def test_the_gateway_s_own_authority_and_certificates_change_under_load(client: Client, issuer: Issuer) -> None:
    """With lives of about a minute in place of years. One more asks every few seconds: so the parts connect anew."""
    install(**LIVES)
    name, where = "brief", client.namespace
    body = manifest(name, where, issuer)
    body["spec"]["models"][0]["id"] = "echo--slow-300"
    kube.apply(body)
    until_serves(name, where, 1)
    before = {part: runs(where, part) for part in ("router", "auth", "provider-echo")}
    authorities, certificates = signing(where, name), shown(where, name)
    with Load(client, issuer, name, grow=2) as load:
        kube.until(
            "another is believed, and does not sign yet",
            lambda: len(believed(where, name)) == 2 and signing(where, name) == authorities,
            80,
        )
        (following,) = believed(where, name) - {serial(authorities)}
        kube.until("the other signs", lambda: serial(signing(where, name)) == following, 60)
        wait(5)
        renewed = shown(where, name)
        kube.until("the first one has ended", lambda: serial(authorities) not in believed(where, name), 120, every=2)
        until_serves(name, where, 1, 30)
    assert load.found["bad"] == []
    assert all(renewed[part] != certificates[part] for part in certificates)
    assert {part: runs(where, part) for part in before} == before
    kube.kubectl("delete", "aigateway", name, "-n", where)


def value(namespace: str, name: str, key: str) -> bytes:
    return base64.b64decode(kube.get("secret", name, "-n", namespace)["data"][key])


def signing(namespace: str, gateway: str) -> bytes:
    return value(namespace, f"{gateway}-ca", "ca.crt")


def shown(namespace: str, gateway: str) -> dict[str, bytes]:
    parts = ("auth", "provider-echo")
    return {part: value(namespace, f"{gateway}-tls-{part}", "tls.crt") for part in parts}


def believed(namespace: str, gateway: str) -> set[int]:
    bundle = value(namespace, f"{gateway}-tls-router", "ca.crt")
    return {one.serial_number for one in x509.load_pem_x509_certificates(bundle)}


def serial(certificate: bytes) -> int:
    return x509.load_pem_x509_certificate(certificate).serial_number
