# SPDX-License-Identifier: Apache-2.0
"""How the families of code models want the code around a cursor, for raw completion endpoints.

Sources are the models' cards and READMEs:

- Codestral: mistralai/mistral-common, FIM encoding. The suffix comes first; the server adds the BOS token.
- Qwen: QwenLM/Qwen2.5-Coder, file-level completion.
- DeepSeek: deepseek-ai/DeepSeek-Coder, code insertion. The bars are full-width (U+FF5C), the blanks U+2581.
- StarCoder: bigcode-project/starcoder2.
- CodeLlama: meta-llama/codellama, infilling. The blanks count.
- Granite: ibm-granite 3.3 and 4. The older Granite Code models take StarCoder's template.
"""

from typing import NamedTuple

from aigw_contract.calls import Fim, FimFamily


class Template(NamedTuple):
    """`prompt` has the fields prefix and suffix. `stop`: the most telling first, as only the first few are sent."""

    prompt: str
    stop: tuple[str, ...]


TEMPLATES: dict[FimFamily, Template] = {
    "Codestral": Template(
        "[SUFFIX]{suffix}[PREFIX]{prefix}",
        ("[PREFIX]", "[SUFFIX]", "[MIDDLE]"),
    ),
    "Qwen": Template(
        "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
        ("<|file_sep|>", "<|fim_pad|>", "<|repo_name|>", "<|endoftext|>"),
    ),
    "DeepSeek": Template(
        "<｜fim▁begin｜>{prefix}<｜fim▁hole｜>{suffix}<｜fim▁end｜>",
        ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "<｜end▁of▁sentence｜>"),
    ),
    "StarCoder": Template(
        "<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>",
        ("<file_sep>", "<fim_prefix>", "<filename>", "<|endoftext|>"),
    ),
    "CodeLlama": Template(
        "<PRE> {prefix} <SUF>{suffix} <MID>",
        (" <EOT>", "<EOT>"),
    ),
    "Granite": Template(
        "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
        ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_pad|>", "<|end_of_text|>"),
    ),
}


def prompt(fim: Fim) -> str:
    return TEMPLATES[fim.family].prompt.format(prefix=fim.prefix, suffix=fim.suffix)
