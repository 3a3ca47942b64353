"""What an answer from memories is, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from memos.infrastructure.chat_models.port import Form
from memos.operation.reads.context_block import Citation
from memos.operation.reads.stable_context import StableContext
from memos.operation.receipt import Receipt


@dataclass(frozen=True, slots=True)
class ChatFigures:
    """What an answer took; None where the model does not tell.

    Attributes:
        form: how the pinned memories came to the model: as `plaintext`, or as `activation`, KV cache.
        first_piece_ms: milliseconds from the call of the model to the first piece of the answer.
        total_ms: milliseconds to its last.
        prompt_tokens: how many tokens the prompt had.
        cached_tokens: how many of them came from a cache.
        answer_tokens: how many the answer has.
        finish: why it ended: `stop`, or `length` where `max_tokens` cut it off.
    """

    form: Form
    first_piece_ms: float
    total_ms: float
    prompt_tokens: int | None
    cached_tokens: int | None
    answer_tokens: int | None
    finish: str | None


@dataclass(frozen=True, slots=True)
class MemoryForm:
    """In which form a memory came to the model.

    Attributes:
        cube_id, version: the memory.
        form: `plaintext`, text that the model read; `activation`, KV cache; or `parametric`, an adapter.
        artefact: the adapter's cube; empty for other forms.
    """

    cube_id: str
    version: int
    form: str
    artefact: str = ""


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """An answer from memories.

    Attributes:
        text: what the model said.
        citations: the memories that it had before it, each at its version, with the label that cites it.
        forms: the form that each of these came in, in their order.
        cited: those of them whose label the answer has in brackets. That a model cites a memory does
            not prove that it heeded it.
        context: the two blocks that were composed for the question.
        messages: what to pass as `messages` of the next call, with the next question behind it.
        state: what to pass as `state` of the next call.
        model: which model it was.
        figures: what it took.
        remembered: the memories of question and answer, where they were to be remembered.
    """

    text: str
    citations: tuple[Citation, ...]
    cited: tuple[Citation, ...]
    context: StableContext
    messages: tuple[dict[str, Any], ...]
    state: str
    model: str
    figures: ChatFigures
    remembered: tuple[Receipt, ...] = ()
    forms: tuple[MemoryForm, ...] = ()
