# SPDX-License-Identifier: Apache-2.0
"""The `aigw` command line. Exit code 2: something the user can mend, told in one line."""

import json
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import click

from aigw_standalone import environment, manifest, state, tokens
from aigw_standalone.wanted import Options

FILES = click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A manifest: YAML with one AIGateway, and Secrets beside it. May be given several times.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("ai-gateway"), prog_name="aigw")
def main() -> None:
    """AI Gateway on one machine: run it, ask it, check what it is told to be."""


@main.command()
@FILES
@click.option("--echo", is_flag=True, help="The built-in echo provider, whatever the environment says.")
@click.option("--host", show_default="127.0.0.1", help="Address of the router; all else stays local.")
@click.option("--port", type=int, show_default="5052", help="Port of the router; 0 takes a free one.")
@click.option("--metrics-host", show_default="127.0.0.1", help="Address of the router's metrics.")
@click.option("--metrics-port", type=int, show_default="8082", help="Port of the router's metrics; 0: a free one.")
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written when all is ready: url, token, pid.")
@click.option("--logs", is_flag=True, help="Print the services' logs here instead of to files.")
def up(**options: Any) -> None:
    """Run a gateway until Ctrl-C.

    Changes to the files are followed while it runs. Without a file it is what the variables of GitLab's own image say,
    such as ANTHROPIC_API_KEY and AIGW_GITLAB_URL; without these it answers with the built-in echo provider.
    """
    from aigw_standalone import up as running  # noqa: PLC0415 - `aigw check` and `aigw --help` need none of it

    if options["files"] and options["echo"]:
        raise click.UsageError("give -f or --echo, not both")
    try:
        running.up(Options(**options))
    except running.UsageFault as fault:
        _stop(str(fault))


@main.command()
@FILES
@click.option("--environment", "variables", is_flag=True, help="Instead of a file: the variables of GitLab's image.")
@AS_JSON
def check(files: tuple[Path, ...], variables: bool, as_json: bool) -> None:
    """Validate a manifest and name every fault with its path.

    With --environment the object that the variables make is printed, without what is secret, as a file to go on with.
    """
    if variables == bool(files):
        raise click.UsageError("give a file with -f, or --environment")
    told: dict[str, Any] = {"ok": True, "faults": []}
    said = ""
    try:
        if variables:
            made = environment.read(os.environ)
            environment.settings(os.environ)
            told |= {"notes": made.notes, "gateway": made.document}
            said = environment.render(made)
        else:
            said = f"{manifest.read(files).gateway.metadata.name}: no fault found\n"
    except manifest.BadManifest as bad:
        told = {"ok": False, "faults": bad.faults}
    _tell(told, said, as_json)


def _tell(told: dict[str, Any], said: str, as_json: bool) -> NoReturn:
    """What is wrong and what is to be known go to stderr, so that the rest can go into a file."""
    if as_json:
        click.echo(json.dumps(told))
    else:
        for line in [*told["faults"], *told.get("notes", [])]:
            click.echo(line, err=True)
        click.echo(said, nl=False)
    sys.exit(0 if told["ok"] else 2)


@main.command()
@FILES
@click.option("--image-prefix", help="Where images are, such as registry.example.com/aigw-; the object's own wins.")
@click.option("--image-tag", help="Their tag; the object's own wins.")
@click.option("--operator-namespace", help="Whose operator's pods may probe the gateway.")
@click.option("--pod-monitors/--no-pod-monitors", default=False, show_default=True, help="The cluster has PodMonitors.")
@click.option("--with-secrets", is_flag=True, help="Print new Secrets, too: an authority, certificates, keys.")
def render(files: tuple[Path, ...], with_secrets: bool, **facts: str | bool | None) -> None:
    """Print the Kubernetes objects that the operator would apply for a manifest."""
    from aigw_operator.desired.context import Context  # noqa: PLC0415 - the other commands need none of it
    from aigw_operator.generated import manifests  # noqa: PLC0415
    from aigw_operator.render import render as rendered  # noqa: PLC0415

    if not files:
        raise click.UsageError("give a file with -f")
    try:
        gateway = manifest.read(files).gateway
    except manifest.BadManifest as bad:
        _stop("\n".join(bad.faults))
    known: dict[str, Any] = {name: value for name, value in facts.items() if value is not None}
    context = Context(gateway, **known)
    secrets = manifests(context, {}, datetime.now(UTC)) if with_secrets else []
    click.echo(rendered(context, secrets), nl=False)


@main.command()
@FILES
@click.option("--kubeconfig", help="By default KUBECONFIG or ~/.kube/config; in a pod its service account.")
@click.option("--context", help="A context of the kubeconfig; by default the current one.")
@click.option("-n", "--namespace", help="Where the gateway is, if the manifest does not say.")
@click.option("--image-prefix", help="By default what the operator is told, or else what runs now.")
@click.option("--image-tag", help="Likewise.")
@click.option("--operator-namespace", help="Where the operator is; by default it is looked for.")
@click.option("--pod-monitors/--no-pod-monitors", default=None, help="By default what the cluster has.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything would change.")
@AS_JSON
def plan(files: tuple[Path, ...], as_json: bool, exit_code: bool, **options: Any) -> None:
    """Show what applying a manifest would change in a cluster, and which pods it would restart.

    Nothing is written. Exit code: 0, also with changes (then 1 with --exit-code); 2 if there is something to mend.
    """
    from aigw_operator.planning import report  # noqa: PLC0415 - the other commands need none of it
    from aigw_standalone import planning  # noqa: PLC0415

    if not files:
        raise click.UsageError("give a file with -f")
    told = {name: value for name in planning.TOLD if (value := options.pop(name))}
    try:
        found = planning.planned(planning.Options(files, told=told, **options))
    except planning.CannotPlan as cannot:
        _stop(
            json.dumps({"ok": False, "faults": cannot.faults}) if as_json else "\n".join(cannot.faults), err=not as_json
        )
    click.echo(json.dumps(report.to_json(found)) if as_json else report.to_text(found), nl=as_json)
    sys.exit(1 if exit_code and not found.plan.empty else 0)


@main.command()
@click.option(
    "--scope", "scopes", multiple=True, help="A scope of the token; by default all that the gateway asks for."
)
@click.option("--realm", default=tokens.Wanted().realm, show_default=True, help="saas or self-managed.")
@click.option("--instance-id", default=tokens.Wanted().instance_id, show_default=True, help="The GitLab instance.")
@click.option("--user", default="", help="Make a user token for this global user id.")
@click.option("--audience", help="By default what the gateway asks for.")
@click.option("--ttl", default=3600, show_default=True, help="Seconds; negative makes an expired token.")
@click.option("--gateway", help="URL of the gateway; by default the one that was started last.")
@AS_JSON
def token(
    scopes: tuple[str, ...],
    realm: str,
    instance_id: str,
    user: str,
    audience: str | None,
    ttl: int,
    gateway: str | None,
    as_json: bool,
) -> None:
    """Mint a token that the running gateway accepts."""
    running = _running(gateway)
    asked = tokens.Wanted(scopes or tokens.SCOPES, realm, instance_id, user, audience or running.audience, ttl)
    minted = tokens.mint(asked, Path(running.issuer_key), Path(running.signing_key))
    if as_json:
        click.echo(json.dumps({"token": minted, "url": running.url, "headers": tokens.headers(asked, minted)}))
    else:
        click.echo(minted)


@main.command()
@click.argument("prompt", required=False)
@click.option("--file", "file", type=click.Path(path_type=Path), help="A source file to complete.")
@click.option("--line", type=int, help="The line of the file at whose end the cursor stands.")
@click.option("--gateway", help="URL of the gateway; by default the one that was started last.")
def ask(prompt: str | None, file: Path | None, line: int | None, gateway: str | None) -> None:
    """Print a suggestion for a PROMPT, or for a file at a line, as it comes."""
    from aigw_standalone import ask as asking  # noqa: PLC0415 - httpx is slow to import

    if (prompt is None) == (file is None) or (file is None) != (line is None):
        raise click.UsageError("give a PROMPT, or --file together with --line")
    running = _running(gateway)
    wanted = tokens.Wanted(audience=running.audience, ttl=300)
    headers = tokens.headers(wanted, tokens.mint(wanted, Path(running.issuer_key), Path(running.signing_key)))
    try:
        body = asking.for_prompt(prompt) if file is None or line is None else asking.for_file(file, line)  # type: ignore[arg-type]
        for piece in asking.stream(running.url, headers, body):
            click.echo(piece, nl=False)
        click.echo()
    except asking.AskFailed as failed:
        _stop(str(failed))


def _running(url: str | None) -> state.Running:
    found = state.find(url)
    if found is None:
        _stop(f"no gateway is running{f' at {url}' if url else ''}; start one with: aigw up")
    return found


def _stop(message: str, *, err: bool = True) -> NoReturn:
    click.echo(message, err=err)
    sys.exit(2)
