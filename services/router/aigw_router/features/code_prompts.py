# SPDX-License-Identifier: Apache-2.0
"""Prompts that the gateway writes itself, for models that do not fill in the middle. Pure."""

from typing import NamedTuple

from aigw_contract.calls import Message

NEAR_BEFORE = 24_000  # characters: enough for a model, and not slower than a suggestion may be
NEAR_AFTER = 8_000
MOST_FILES = 8
NEAR_FILE = 4_000

COMPLETE = (
    "You complete source code at a cursor. Reply with exactly the code that belongs at the cursor: "
    "no explanation, no Markdown fence, nothing that already stands before or after it. "
    "If nothing is missing, reply with nothing."
)
GENERATE = (
    "You write source code. The text before the cursor ends with a comment or a signature that says what is wanted. "
    "Reply with exactly the code that follows at the cursor: no explanation, no Markdown fence, "
    "nothing that already stands before or after it."
)


class Around(NamedTuple):
    """What stands around a cursor, and other files that may help: (name, content)."""

    file_name: str
    language: str
    before: str
    after: str
    files: list[tuple[str, str]]

    def near(self) -> "Around":
        """The part that is near enough to matter."""
        return Around(
            self.file_name, self.language, self.before[-NEAR_BEFORE:], self.after[:NEAR_AFTER], self.files[:MOST_FILES]
        )


def messages(around: Around, operation: str) -> list[Message]:
    """A system message that says what to do, and the code."""
    near = around.near()
    files = "".join([f"<file name={name!r}>\n{text[:NEAR_FILE]}\n</file>\n" for name, text in near.files])
    what = f"{near.file_name or 'a file'}{f' ({near.language})' if near.language else ''}"
    code = f"{files}<before>\n{near.before}</before>\n<after>\n{near.after}</after>\nComplete {what} at the cursor."
    return [Message("system", COMPLETE if operation == "code_completions" else GENERATE), Message("user", code)]


def without_fence(text: str) -> str:
    """Models wrap code in Markdown fences although they were asked not to; take one that surrounds everything."""
    stripped = text.strip()
    if not (stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped):
        return text
    first, _, rest = stripped.partition("\n")
    return text if " " in first.strip() else rest.removesuffix("```").rstrip("\n")
