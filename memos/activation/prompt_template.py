"""What stands around memories and question, cut so that each memory is a segment of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memos.activation.tokenizer import TextTokenizer


class CitedMemory(NamedTuple):
    """A memory as it stands in a prompt.

    Attributes:
        cite: what an answer names it by. Where it depends on the place among the others, so does the
            segment: an id of the memory's own is found again in more prompts.
        text: what it says.
    """

    cite: str
    text: str


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """Control texts of a chat, with memories in its system part.

    Attributes:
        version: changes with every change of a text here; it is part of the model's identity.
        opening: before the first memory; a segment too, the root of every chain.
        question: between the memories and the question.
        answer: between the question and the answer.
    """

    version: str
    opening: str
    question: str
    answer: str

    def segments(
        self, tokenizer: TextTokenizer, memories: Sequence[CitedMemory]
    ) -> list[list[int]]:
        """Token ids of the opening and of each memory, each tokenised by itself."""
        told = (f"[{memory.cite}] {memory.text}\n" for memory in memories)
        return [tokenizer.control(self.opening), *map(tokenizer.literal, told)]

    def query(self, tokenizer: TextTokenizer, question: str) -> list[int]:
        """Token ids of a question, up to where the answer begins."""
        return [
            *tokenizer.control(self.question),
            *tokenizer.literal(question),
            *tokenizer.control(self.answer),
        ]


CHATML = PromptTemplate(
    version="chatml cited memories 1",
    opening="<|im_start|>system\nAnswer from these memories, and cite them by their marks.\n",
    question="<|im_end|>\n<|im_start|>user\n",
    answer="<|im_end|>\n<|im_start|>assistant\n",
)
