# SPDX-License-Identifier: Apache-2.0
"""The Dockerfile and the locks agree with the rest of the repository about services, versions and files."""

import re
import tomllib
from fnmatch import fnmatch

import pytest
import yaml

from unit.charts.rendering import CHARTS, GATEWAY, OPERATOR, ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVICES = sorted(PROJECT["optional-dependencies"])


def pins(name: str) -> set[str]:
    """Requirement and version, with the environments they are for."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return set(re.findall(r"^([a-z0-9._-]+==\S+(?: ; [^\\\n]+)?)", text, re.MULTILINE))


@pytest.mark.parametrize("service", SERVICES)
def test_each_extra_has_an_image(service: str) -> None:
    assert f" AS source-{service}\n" in DOCKERFILE
    assert f" AS image-{service}\n" in DOCKERFILE


@pytest.mark.parametrize("name", [*SERVICES, "build"])
def test_an_image_has_the_versions_that_are_tested(name: str) -> None:
    tested = {pin.split(" ;")[0] for pin in pins("dev")}
    assert {pin.split(" ;")[0] for pin in pins(name)} <= tested


def test_the_version_is_the_same_everywhere() -> None:
    chart = yaml.safe_load((CHARTS / OPERATOR / "Chart.yaml").read_text())
    assert re.findall(r"^ARG VERSION=(\S+)$", DOCKERFILE, re.MULTILINE) == [PROJECT["version"]] == [chart["appVersion"]]


def test_every_image_is_based_on_one_argument() -> None:
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    stages = set(re.findall(r" AS (\S+)$", DOCKERFILE, re.MULTILINE))
    assert bases - stages == {"${PYTHON_IMAGE}", "source-${SERVICE}", "image-${SERVICE}"}


def test_an_image_starts_without_a_shell_and_not_as_root() -> None:
    for line in re.findall(r"^(?:ENTRYPOINT|CMD) (.+)$", DOCKERFILE, re.MULTILINE):
        assert line.startswith("[")
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]


def test_what_is_copied_is_let_through() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert "*" in lines
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for path in copied.split():
            assert any(fnmatch(path, f"{pattern}*") for pattern in let_through), path


def test_skaffold_builds_what_the_charts_install() -> None:
    skaffold = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    built = {a["image"]: a["docker"]["buildArgs"]["SERVICE"] for a in skaffold["build"]["artifacts"]}
    assert built == {f"aigw-{service}": service for service in SERVICES if service != "standalone"}
    releases = skaffold["deploy"]["helm"]["releases"]
    assert {release["chartPath"] for release in releases} == {f"charts/{name}" for name in (OPERATOR, GATEWAY)}
    files = [path for release in releases for path in [release["chartPath"], *release.get("valuesFiles", [])]]
    assert all((ROOT / path).exists() for path in files)
