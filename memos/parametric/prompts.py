"""The prompts of training and scoring: those of serving, with and without the memories."""

from __future__ import annotations

import json
from collections.abc import Sequence

from memos.activation.chat_template import CHATML_TURNS
from memos.activation.tokenizer import TextTokenizer
from memos.infrastructure.chat_models.adapting import DistillationJob, LessonMemory, Role
from memos.infrastructure.chat_models.port import ChatMessage, ChatPrompt, PromptMemory

Context = tuple[str, ...]
"""The lines of the memories that stand in a prompt."""

BARE: Context = ()
"""No memory stands there, and nothing around them."""


class Prompts:
    """Prompts of a job as token ids.

    What stands behind the memories' block is the same with and without it, so that the logits of both
    stand at the same tokens.
    """

    def __init__(self, job: DistillationJob, tokenizer: TextTokenizer) -> None:
        self._job = job
        self._tokenizer = tokenizer
        self._models = job.of_role(Role.SOURCE)

    def segments(self, context: Context) -> list[list[int]]:
        """What stands in front of a question: the opening, each memory, and what closes their block."""
        prompt = self._prompt(context, ())
        segments = CHATML_TURNS.segments(self._tokenizer, prompt)
        if closing := self._tokenizer.literal(prompt.closing):
            segments.append(closing)
        return segments

    def question(self, text: str) -> list[int]:
        """What stands behind the memories, up to where the answer begins."""
        asked = ChatMessage("user", text)
        return CHATML_TURNS.query(self._tokenizer, self._prompt(BARE, (asked,)))

    def chat(self, context: Context, text: str, max_tokens: int) -> ChatPrompt:
        """A question behind memories, for a model of another tokenizer."""
        return self._prompt(context, (ChatMessage("user", text),), max_tokens)

    def answer(self, ids: Sequence[int]) -> list[int]:
        """An answer with what ends it."""
        return [*ids, *self._tokenizer.control(CHATML_TURNS.end)[:1]]

    def tokens(self, text: str) -> list[int]:
        """What an answer says, as token ids."""
        return self._tokenizer.literal(text)

    def text(self, ids: Sequence[int]) -> str:
        """What ids say."""
        return self._tokenizer.text(ids)

    def line(self, text: str, number: int) -> str:
        """A memory that is made up, as it would stand in the block."""
        like = self._models[number % len(self._models)]
        return _as_line(like, text)

    def _prompt(
        self, context: Context, messages: tuple[ChatMessage, ...], max_tokens: int = 1
    ) -> ChatPrompt:
        pinned = tuple(PromptMemory("", 0, line) for line in context)
        return ChatPrompt(
            owner=self._job.owner,
            opening=self._job.opening if context else self._job.bare_opening,
            pinned=pinned,
            closing=self._job.closing if context else "",
            messages=messages,
            max_tokens=max_tokens,
        )


def _as_line(like: LessonMemory, text: str) -> str:
    """A text in the place of what a memory's line quotes."""
    quoted = [
        like.text,
        json.dumps(like.text)[1:-1],
        json.dumps(like.text, ensure_ascii=False)[1:-1],
    ]
    for each in quoted:
        if each and each in like.line:
            return like.line.replace(each, text, 1)
    return f"- {json.dumps(text, ensure_ascii=False)}\n"
