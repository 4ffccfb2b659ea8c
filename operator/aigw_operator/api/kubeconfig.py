# SPDX-License-Identifier: Apache-2.0
"""The cluster that a person means: as kubectl finds it, by options, KUBECONFIG or ~/.kube/config, or as a pod.

Whatever keeps from reaching it ends as one line for that person.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Any, NamedTuple

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import kube_config
from urllib3.exceptions import HTTPError

from aigw_operator.api.cluster import Cluster, Refused

DEFAULT = "~/.kube/config"
NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


class NoCluster(Exception):
    """The message is one line: what is wrong and what to do."""


class Chosen(NamedTuple):
    """`context` is empty in a pod; `namespace` is where objects go that do not say."""

    cluster: Cluster
    context: str
    namespace: str


def choose(file: str | None, context: str | None) -> Chosen:
    """Raises NoCluster."""
    if not (file or context or _has_kubeconfig()):
        return _as_pod()
    path = file or os.environ.get("KUBECONFIG") or DEFAULT
    try:
        loader = _read(path, context)
        settings = _logged_in(loader)
    except (config.ConfigException, yaml.YAMLError, OSError, LookupError, TypeError, ValueError) as error:
        why = f"the kubeconfig {path} cannot be used: {_line(error)}"
        raise NoCluster(f"{why}; name another with --kubeconfig or --context") from None
    current = loader.current_context
    return Chosen(Cluster(client.ApiClient(settings)), current["name"], current["context"].get("namespace", "default"))


@contextmanager
def reaching(chosen: Chosen) -> Iterator[None]:
    """What goes wrong between here and the API server is raised as NoCluster."""
    where = f"the cluster of context {chosen.context}" if chosen.context else "the cluster"
    try:
        yield
    except Refused as refused:
        raise NoCluster(f"{where} refuses: {_line(refused)}; ask for the right to read it") from None
    except (HTTPError, ApiException, OSError, JSONDecodeError) as error:
        raise NoCluster(f"{where} cannot be asked: {_line(error)}; is it up, and is it the right --context?") from None


def _has_kubeconfig() -> bool:
    return bool(os.environ.get("KUBECONFIG")) or os.path.exists(os.path.expanduser(DEFAULT))


def _read(path: str, context: str | None) -> Any:
    """Of one file or several, as KUBECONFIG names them; a context that is named needs no current one."""
    merged = kube_config.KubeConfigMerger(path).config  # type: ignore[no-untyped-call]
    if merged is None:
        raise FileNotFoundError("it is not there or is empty")
    known = [item["name"] for item in merged.value.get("contexts", [])]
    if context and context not in known:
        raise LookupError(f'it has no context "{context}" (known: {", ".join(known) or "none"})')
    return kube_config.KubeConfigLoader(merged, context, config_base_path=None)  # type: ignore[no-untyped-call]


def _logged_in(loader: Any) -> client.Configuration:
    """Asks once: who waits at a terminal is told at once that nobody answers."""
    settings = client.Configuration()
    settings.retries = False
    loader.load_and_set(settings)
    return settings


def _as_pod() -> Chosen:
    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]
        with open(NAMESPACE_FILE) as file:
            return Chosen(Cluster(client.ApiClient()), "", file.read().strip())
    except (config.ConfigException, OSError):
        why = f"there is no kubeconfig: neither KUBECONFIG nor {DEFAULT}"
        raise NoCluster(f"{why}; name one with --kubeconfig") from None


def _line(error: Exception) -> str:
    """What it says, without the objects of libraries and without contents of the kubeconfig, which may be secret."""
    text = " ".join(str(error).split()).partition("{")[0] or type(error).__name__
    return text.rpartition(">: ")[2].strip(" ./'\"")[:300]
