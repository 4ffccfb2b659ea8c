# SPDX-License-Identifier: Apache-2.0
"""Requests of a GitLab instance from another pod: one, or many while something happens."""

import json
import subprocess
import threading
from typing import Any

from cluster.conftest import Client, Issuer

MOST = 280.0  # seconds that a load lasts when nobody ends it

ASK = """
import json, sys, threading, time, urllib.request
url, token, most, grow = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
beside = json.loads(sys.argv[5]) if len(sys.argv) > 5 else {}
body = json.dumps({"prompt_components": [{"type": "code_editor_completion", "payload": {
    "file_name": "a.py", "content_above_cursor": "def hello():", "content_below_cursor": ""}}], **beside}).encode()
headers = {"Authorization": f"Bearer {token}", "X-Gitlab-Authentication-Type": "oidc",
           "Content-Type": "application/json", "X-Gitlab-Realm": "self-managed", "X-Gitlab-Instance-Id": "instance-1"}
began, ended, told, good, bad, text = time.time(), threading.Event(), threading.Event(), [], [], [""]

def one():
    try:
        request = urllib.request.Request(url + "/v3/code/completions", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text[0] = json.load(answer)["choices"][0]["text"]
        good.append(1)
    except Exception as error:
        more = error.read() if hasattr(error, "read") else b""
        bad.append(f"after {time.time() - began:.1f} s: {error!r} {more[:200]}")

def work():
    while not ended.wait(0.02):
        one()

def listen():
    sys.stdin.read()
    told.set()

one()
print("begun", flush=True)
if most:
    threading.Thread(target=listen, daemon=True).start()
    workers = [threading.Thread(target=work)]
    workers[0].start()
    while not told.wait(grow or most) and time.time() < began + most:
        if grow:
            workers.append(threading.Thread(target=work))
            workers[-1].start()
    ended.set()
    for worker in workers:
        worker.join()
print(json.dumps({"good": len(good), "bad": bad, "text": text[0], "told": told.is_set()}))
"""

Found = dict[str, Any]


def url_of(gateway: str, namespace: str) -> str:
    return f"http://{gateway}-router.{namespace}.svc:5052"


def ask(client: Client, issuer: Issuer, gateway: str, **beside: Any) -> Found:
    """One request: how many were `good`, why others were `bad`, and the `text`. `beside`: more keys of its body."""
    return ask_at(client, issuer, url_of(gateway, client.namespace), **beside)


def ask_at(client: Client, issuer: Issuer, url: str, **beside: Any) -> Found:
    said = client.python(ASK, url, issuer.token(), "0", "0", json.dumps(beside))
    found: Found = json.loads(said.splitlines()[-1])
    return found


def named(endpoint: str, key: str) -> dict[str, str]:
    """`model_metadata` as GitLab sends it for a model that its administrator has added."""
    server = {"endpoint": endpoint, "api_key": key, "identifier": "custom_openai/m"}
    return {"provider": "litellm", "name": "mistral"} | server


class Load:
    """Requests without a pause for as long as the block lasts; `found` is there afterwards.

    `grow`: seconds after which one more asks at the same time, so that the parts need new connections, too.
    """

    def __init__(
        self, client: Client, issuer: Issuer, gateway: str, *, grow: float = 0, namespace: str = "", most: float = MOST
    ) -> None:
        self.found: Found = {}
        url = url_of(gateway, namespace or client.namespace)
        self._begin = lambda: client.start(ASK, url, issuer.token(), str(most), str(grow))

    def __enter__(self) -> "Load":
        self._process: subprocess.Popen[str] = self._begin()
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "begun\n"
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        said, why = self._process.communicate("", timeout=60)
        if kind is not None:
            print("the load:", said[-2000:], why[-500:])
        else:
            assert said, why
            self.found = json.loads(said.splitlines()[-1])
            assert self.found["told"], "the load ended before the block did"


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)
