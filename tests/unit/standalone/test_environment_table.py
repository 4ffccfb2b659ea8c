# SPDX-License-Identifier: Apache-2.0
"""Each variable of GitLab's image goes where the table says, or is named with the reason why not."""

import re
from pathlib import Path
from typing import Any

import pytest

from aigw_standalone import environment
from aigw_standalone.environment import Settings
from aigw_standalone.manifest import BadManifest
from aigw_standalone.variables import FILES, HONOURED, IGNORED, REFUSED, SETTINGS, Honoured, Setting, known
from unit.standalone.samples import BAD, BASE, NAMED_BY_GITLAB, SAMPLES, SETTING_SAMPLES

INSTALL = Path(__file__).resolve().parents[3] / "docs" / "install.md"


def faults(variables: dict[str, str]) -> list[str]:
    with pytest.raises(BadManifest) as bad:
        environment.read(variables)
    return bad.value.faults


def around(row: Honoured) -> dict[str, str]:
    """What must be set beside a variable for it to count."""
    return {"AIGW_CUSTOMER_PORTAL_URL": "", row.needs: SAMPLES[row.needs][0]} if row.needs else BASE


def at(place: Any, path: str) -> Any:
    for field, name in re.findall(r"(\w+)(?:\[(\w+)\])?", path):
        place = place[field]
        if name:
            (place,) = [entry for entry in place if entry["name"] == name]
    return place


class TestTable:
    def test_every_row_is_tested(self) -> None:
        assert {row.name for row in HONOURED} == set(SAMPLES) == set(BAD)
        assert {row.name for row in SETTINGS} == set(SETTING_SAMPLES)

    @pytest.mark.parametrize("name", NAMED_BY_GITLAB)
    def test_every_variable_that_gitlab_documents_has_a_row(self, name: str) -> None:
        assert known(name)

    @pytest.mark.parametrize("row", HONOURED, ids=lambda row: row.name)
    def test_a_variable_goes_where_the_table_says(self, row: Honoured) -> None:
        text, expected = SAMPLES[row.name]
        made = environment.read({**around(row), row.name: text})
        found = at(made.document, row.place)
        if row.secret:
            assert f"{found['name']}/{found['key']}" == row.secret
            found = made.manifest.secrets[found["name"]][found["key"]]
        assert found == expected
        assert row.name in made.names
        assert not any(note.startswith(f"ignored: {row.name} ") for note in made.notes)

    @pytest.mark.parametrize(("row", "text"), [(row, text) for row in HONOURED for text in BAD[row.name]])
    def test_a_bad_value_is_one_line_that_names_the_variable_and_not_the_value(self, row: Honoured, text: str) -> None:
        (fault,) = faults({**around(row), row.name: text})
        assert fault.startswith(f"{row.name}: ")
        assert "\n" not in fault
        assert len(text) < 6 or text not in fault
        assert "pass-word" not in fault
        assert "google-secret" not in fault

    @pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
    def test_what_is_no_part_of_the_object(self, row: Setting) -> None:
        text, expected, bad = SETTING_SAMPLES[row.name]
        assert environment.settings({row.name: text}) == Settings()._replace(**{row.field: expected})
        assert environment.read({row.name: text}).names == []
        for value in bad:
            with pytest.raises(BadManifest) as refused:
                environment.settings({row.name: value})
            assert [fault.split(":")[0] for fault in refused.value.faults] == [row.name]

    def test_the_defaults_are_this_machine_and_gitlabs_ports(self) -> None:
        assert environment.settings({"AIGW_FASTAPI__API_PORT": " "}) == Settings(
            "127.0.0.1", 5052, "127.0.0.1", 8082, ""
        )

    @pytest.mark.parametrize("row", IGNORED, ids=lambda row: row.name)
    def test_what_is_ignored_is_named_with_its_reason(self, row: Any) -> None:
        name = row.name.replace("*", "ANY")
        notes = environment.read({**BASE, name: "true"}).notes
        assert f"ignored: {name} ({row.why})" in notes
        off = environment.read({**BASE, name: "false"}).notes
        assert (f"ignored: {name} ({row.why})" in off) is not row.switch

    @pytest.mark.parametrize("pattern", REFUSED)
    def test_what_would_open_a_door_is_refused(self, pattern: str) -> None:
        name = pattern.replace("*", "SAAS_ENABLED")
        (fault,) = faults({**BASE, name: "1,2"})
        assert fault.startswith(f"{name}: ")

    def test_what_nobody_knows_is_named(self) -> None:
        notes = environment.read({**BASE, "AIGW_NO_SUCH_THING": "secret", "PATH": "/bin"}).notes
        assert "ignored: AIGW_NO_SUCH_THING (not understood)" in notes
        assert not [note for note in notes if "PATH" in note or "secret" in note]

    def test_what_the_services_read_themselves_needs_no_word(self) -> None:
        names = [*FILES, "AIGW_LOG_LEVEL"]
        notes = environment.read({**BASE, **dict.fromkeys(names, "x")}).notes
        assert not [note for note in notes if any(name in note for name in names)]


class TestDocument:
    def test_the_tables_in_the_documentation_are_those_of_the_code(self) -> None:
        """If this fails, put the lines that are missing into docs/install.md."""
        text = INSTALL.read_text()
        expected = [f"| `{row.name}` | `{row.place}` |" for row in HONOURED]
        expected += [f"| `{row.name}` | `{row.option}` |" for row in SETTINGS]
        expected += [f"| `{row.name}` | {row.why} |" for row in IGNORED]
        expected += [f"| `{name}` | not started: {why} |" for name, why in REFUSED.items()]
        assert [line for line in expected if line not in text.splitlines()] == []
        rows = re.findall(r"^\| `([A-Z][A-Z_]+\*?)` \|", text, re.MULTILINE)
        assert len(rows) == len(expected)
        assert all(f"`{name}`" in text for name in FILES)
