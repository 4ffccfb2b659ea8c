# SPDX-License-Identifier: Apache-2.0
"""The calls that every adapter encodes, the adapters, and where the checked-in files are.

`AIGW_UPDATE_GOLDEN=1` writes the expectations anew; what they hold is then for a reviewer to judge in the diff.
"""

import json
import os
from pathlib import Path
from typing import Any, get_args

from aigw_contract.calls import Call, EmbedCall, Fim, FimFamily, Message
from aigw_contract.table import ProviderSettings
from aigw_providers.adapter import Adapter
from aigw_providers.registry import adapter_class

DATA = Path(__file__).with_name("data")
UPDATE = os.environ.get("AIGW_UPDATE_GOLDEN") == "1"

SYSTEM = Message("system", "You are terse.")
ASKED = Message("user", "Say hi.")
PREFIX, SUFFIX = "def add(a, b):\n", "\n\nprint(add({1: 2}, '<|x|>'))\n"

CALLS: dict[str, Call | EmbedCall] = {
    "chat": Call("model-1", [SYSTEM, ASKED], max_tokens=256, temperature=0.2, stop=["\n\n", "```"]),
    "chat-minimal": Call("model-1", [ASKED]),
    "chat-stream": Call("model-1", [SYSTEM, ASKED], stream=True),
    "chat-turns": Call(
        "model-1",
        [ASKED, Message("assistant", "Hi."), Message("system", "Now shout."), SYSTEM, Message("user", "Again.")],
        temperature=0.0,
    ),
    "chat-unicode": Call("model-1", [Message("user", 'Grüße "東京" 🚀\r\n\t{braces} \\ \u2028')]),
    "chat-many-stops": Call("model-1", [ASKED], stop=["", " ", "a", "b", "c", "d", "e"]),
    "chat-o3": Call("o3-mini", [ASKED], max_tokens=64, temperature=0.2, stop=["a"]),
    "chat-gpt-5-chat": Call("gpt-5-chat-latest", [ASKED], temperature=0.2),
    "chat-claude": Call("claude-sonnet-4@20250514", [SYSTEM, ASKED], max_tokens=64, stop=[" ", "a"]),
    "chat-claude-stream": Call("claude-sonnet-4@20250514", [SYSTEM, ASKED], stream=True),
    "chat-odd-model": Call("../x/y:z?a=b", [ASKED]),
    "embed": EmbedCall("embedding-1", ["first", "second 🚀"]),
    "fim-stream": Call("coder-1", fim=Fim(PREFIX, SUFFIX, "Qwen", "a.py"), stop=["\n\n"], stream=True, max_tokens=48),
    **{
        f"fim-{family}": Call("coder-1", fim=Fim(PREFIX, SUFFIX, family, "a.py"), temperature=0.0)
        for family in get_args(FimFamily)
    },
}


def _adapter(kind: str) -> Adapter:
    settings = ProviderSettings("golden", kind, project="our-project", location="europe-west1")
    return adapter_class(kind)(settings)


ADAPTERS: dict[str, Adapter] = {
    "anthropic": _adapter("Anthropic"),
    "openai": _adapter("OpenAI"),
    "openai_compatible": _adapter("OpenAICompatible"),
    "vertex_ai": _adapter("VertexAI"),
    "echo": _adapter("Echo"),
}


def recorded(folder: str, pattern: str) -> list[Path]:
    """Recordings of all providers."""
    return sorted(DATA.glob(f"*/{folder}/{pattern}"))


def name_of(path: Path) -> str:
    """`…/vertex_ai/streams/gemini-text.sse` -> `vertex_ai/gemini-text`."""
    return f"{path.parts[-3]}/{path.name.partition('.')[0]}"


def call_of(path: Path) -> Call | EmbedCall:
    """The call that a recording answers: its file is named as the model is."""
    model = path.name.partition(".")[0]
    return EmbedCall(model, ["first", "second"]) if model.startswith("embed") else Call(model, [ASKED])


def expected(path: Path, found: Any) -> Any:
    """What the file holds; in update mode, `found` is written first."""
    if UPDATE:
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    return json.loads(path.read_text("utf-8"))
