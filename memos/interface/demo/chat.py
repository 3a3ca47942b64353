"""`make chat`: SmolLM2 answers from the demo's memories, computed for it and then from the cache.

python -m memos.interface.demo.chat
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memos import ChatAnswer, Memory
from memos.interface.demo.steps import SCOPE, VAULT, write_conversation

if TYPE_CHECKING:
    from memos.infrastructure.chat_models.port import ChatModel

QUESTION = "What is Mira allergic to?"
FIRST_EVENING = 8
"""Turns: so small a model finds its answer among these, and not among all."""
ASKED: dict[str, Any] = {"scope": SCOPE, "pinned_tokens": 4000, "max_tokens": 48}


def ask_twice(directory: Path, model: ChatModel) -> tuple[ChatAnswer, ChatAnswer]:
    """Pin what the two of the demo said first, and ask: the first time every memory is read, the second time
    its KV cache is there. A first word to the model, of no memory, is not counted.
    """
    conversation = write_conversation(directory / "conversation.jsonl")
    with closing(Memory(directory / VAULT, actor="agent:host")) as memory:
        turns = memory.import_file(conversation, scope=SCOPE).cube_ids
        hello = [{"role": "user", "content": "Hello."}]
        memory.chat(hello, model=model, scope="harbour/nobody", max_tokens=2)
        memory.tag_many(["pinned"], turns[:FIRST_EVENING])
        asked = [{"role": "user", "content": QUESTION}]
        cold, cached = (memory.chat(asked, model=model, **ASKED) for _ in range(2))
        return cold, cached


def told(cold: ChatAnswer, cached: ChatAnswer) -> str:
    """Both answers, with their times side by side."""
    lines = [f"> {QUESTION}", cached.text.strip()]
    lines += [f"{cite}  {cite.cube_id}  v{cite.version}" for cite in cached.cited]
    lines += ["", f"{cached.model:<24}{'cold':>10}{'cached':>10}"]
    rows = (
        ("tokens of the prompt", "prompt_tokens", ""),
        ("of them from the cache", "cached_tokens", ""),
        ("first piece after", "first_piece_ms", " ms"),
        ("whole answer after", "total_ms", " ms"),
    )
    for row, name, unit in rows:
        before, after = (getattr(answer.figures, name) for answer in (cold, cached))
        lines.append(f"{row:<24}{f'{before:.0f}{unit}':>10}{f'{after:.0f}{unit}':>10}")
    same = "the same" if cold.text == cached.text else "another: this is a fault"
    lines.append(f"{len(cached.citations)} memories; the cached answer is {same}")
    return "".join(f"{line}\n" for line in lines)


def main() -> int:
    """Ask and tell; the exit status."""
    from memos.activation.chat_model import LocalModel

    with tempfile.TemporaryDirectory(prefix="memos-chat-") as directory:
        cold, cached = ask_twice(Path(directory), LocalModel.smollm2())
    sys.stdout.write(told(cold, cached))
    return 0 if cold.text == cached.text else 1


if __name__ == "__main__":
    sys.exit(main())
