"""A chat as token ids, cut so that each pinned memory is a segment of its own."""

from __future__ import annotations

from dataclasses import dataclass

from memos.activation.tokenizer import TextTokenizer
from memos.infrastructure.chat_models.port import ChatPrompt


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """Control texts around what is said.

    Attributes:
        version: changes with every change of a text here, and of how it is cut; it is part of the
            model's identity, and so of every key.
        begin: in front of what is said, with `{role}` for by whom.
        end: behind what is said.
    """

    version: str
    begin: str
    end: str

    def segments(self, tokenizer: TextTokenizer, prompt: ChatPrompt) -> list[list[int]]:
        """Token ids of what stands in front of the memories, and of each memory by itself."""
        opening = [*self._begin(tokenizer, "system"), *tokenizer.literal(prompt.opening)]
        return [opening, *(tokenizer.literal(memory.text) for memory in prompt.pinned)]

    def query(self, tokenizer: TextTokenizer, prompt: ChatPrompt) -> list[int]:
        """Token ids of all that stands behind the memories, up to where the answer begins."""
        end = tokenizer.control(self.end)
        ids = [*tokenizer.literal(prompt.closing), *end]
        for message in prompt.messages:
            ids += self._begin(tokenizer, message.role)
            ids += tokenizer.literal(message.content)
            ids += end
        return [*ids, *self._begin(tokenizer, "assistant")]

    def fits(self, tokenizer: TextTokenizer) -> bool:
        """Whether its control texts are control tokens of a model."""
        marks = [tokenizer.control(text) for text in ("<|im_start|>", "<|im_end|>")]
        return all(len(ids) == 1 for ids in marks)

    def _begin(self, tokenizer: TextTokenizer, role: str) -> list[int]:
        return tokenizer.control(self.begin.format(role=role))


CHATML_TURNS = ChatTemplate(
    version="chatml turns 1", begin="<|im_start|>{role}\n", end="<|im_end|>\n"
)
"""ChatML, as SmolLM2, Qwen and others have it."""
