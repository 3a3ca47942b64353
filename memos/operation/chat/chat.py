"""Answering a question from memories: their context, the model, and what is remembered of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from memos.infrastructure.chat_models.adapting import AdapterServingModel
from memos.infrastructure.chat_models.port import (
    CachingModel,
    ChatModel,
    ChatPrompt,
    Form,
    PromptAdapter,
    TokenUsage,
)
from memos.infrastructure.engine.erased_sources import is_erased
from memos.kernel.errors import InvalidInput, ModelUnavailable, ReadOnly, shorten
from memos.kernel.event import id_bytes, id_text
from memos.kernel.scope import check_scope
from memos.operation.chat.adapters import AdapterRouter
from memos.operation.chat.answer import ChatAnswer, ChatFigures, MemoryForm
from memos.operation.chat.dialogue import Dialogue, FoundMemories, cited_in
from memos.operation.chat.prompt import chat_prompt
from memos.operation.commands.add import add_conversation
from memos.operation.commands.turn import Conversation
from memos.operation.gate import Gate
from memos.operation.reads.context_block import Citation
from memos.operation.reads.stable_context import StableContext
from memos.operation.receipt import Receipt
from memos.operation.session import Session
from memos.operation.validation import check_name

BEGUN_ANEW = "the messages are not those that the state was given with"

Pieces = Generator[str, None, ChatAnswer]
"""An answer's pieces, and at the end the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """What is to be answered, and by whom. See `Memory.chat`.

    Attributes:
        dialogue: history and question.
        turn: gives the question its context, when the answer is begun.
        scope: of one of the tenant's memories, or all that is asked.
        model: who answers.
        max_tokens: how many tokens the answer may have.
        remembered_as: the scope and session in which question and answer are remembered; None for not.
        begun_anew: whether the memories that stood in the messages were taken out, being of another state.
        router: took out of the question's context what adapters hold; None where none may answer.
    """

    dialogue: Dialogue
    turn: Callable[[str], StableContext]
    scope: str
    model: ChatModel
    max_tokens: int
    remembered_as: tuple[str, str] | None = None
    begun_anew: bool = False
    router: AdapterRouter | None = None

    @property
    def adapters(self) -> Mapping[str, PromptAdapter]:
        """Those that answer, by the cube, once the question has its context."""
        return {} if self.router is None else self.router.adapters


def remembered_as(session: Session, scope: object, name: object) -> tuple[str, str]:
    """The scope and session in which a chat can be remembered.

    Raises:
        InvalidInput: there are several scopes, or the name is none.
        ReadOnly: the vault is open for reading.
    """
    if not isinstance(scope, str):
        raise InvalidInput("remember=True writes in one scope: pass one as scope=, not several")
    if session.reads_only:
        raise ReadOnly.of("the vault")
    return check_scope(scope), check_name(name, "session")


def chat(session: Session, request: ChatRequest) -> Pieces:
    """The answer in pieces. Nothing is read before the first is asked for; what is not read to its end
    is not remembered.
    """
    context = request.turn(request.dialogue.question)
    if request.begun_anew:
        context = replace(context, changed=(BEGUN_ANEW, *context.changed))
    dialogue = request.dialogue
    if context.changed:
        dialogue = dialogue.without_memories()
    dialogue = dialogue.asked_with(FoundMemories.of(context.delta))
    heard = _Heard()
    prompt = chat_prompt(
        session,
        scope=request.scope,
        instructions=dialogue.instructions,
        pinned=context.pinned,
        messages=tuple(each.read for each in dialogue.said),
        max_tokens=request.max_tokens,
        adapters=tuple(request.adapters.values()),
    )
    try:
        yield from _listen(session.gate, request.model, prompt, heard)
    finally:
        _let_go_of_erased(session, request.model, prompt)
        _forget_erased(session, request)
    forms = tuple(_forms(context, dialogue, heard.usage.form))
    held = (each.cite for each in context.held)
    cites = _distinct((*context.pinned.citations, *dialogue.cites, *held))
    return ChatAnswer(
        text=heard.text,
        citations=cites,
        cited=cited_in(heard.text, cites),
        context=context,
        messages=dialogue.answered(heard.text),
        state=context.state,
        model=request.model.name,
        figures=heard.figures,
        remembered=_remember(session, request, heard.text, cites),
        forms=forms,
    )


@dataclass(slots=True)
class _Heard:
    """What a model has said so far, and how long that took."""

    started: float = field(default_factory=time.perf_counter)
    pieces: list[str] = field(default_factory=list)
    first_ms: float = 0.0
    total_ms: float = 0.0
    usage: TokenUsage = field(default_factory=TokenUsage)

    @property
    def text(self) -> str:
        """The whole, with pairs of surrogates that came apart put together."""
        encoded = "".join(self.pieces).encode("utf-16-le", "surrogatepass")
        return encoded.decode("utf-16-le", "replace")

    @property
    def figures(self) -> ChatFigures:
        """What it took."""
        usage = self.usage
        return ChatFigures(
            form=usage.form,
            first_piece_ms=self.first_ms,
            total_ms=self.total_ms,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            answer_tokens=usage.answer_tokens,
            finish=usage.finish,
        )

    def hear(self, piece: str) -> None:
        """Take the next piece."""
        if not self.pieces:
            self.first_ms = self._passed
        self.pieces.append(piece)

    def end(self) -> None:
        """There is no more."""
        self.total_ms = self._passed

    @property
    def _passed(self) -> float:
        return (time.perf_counter() - self.started) * 1e3


def _listen(gate: Gate, model: ChatModel, prompt: ChatPrompt, heard: _Heard) -> Iterator[str]:
    with _closed_after(model.stream(prompt)) as pieces:
        for piece in pieces:
            gate.check_key()
            if isinstance(piece, TokenUsage):
                heard.usage = piece
            elif isinstance(piece, str):
                heard.hear(piece)
                yield piece
            else:
                raise ModelUnavailable(
                    f"the chat model {model.name} gave {shorten(piece)}: no text"
                )
    heard.end()


@contextmanager
def _closed_after(pieces: Iterator[str | TokenUsage]) -> Iterator[Iterator[object]]:
    """An iterator that is closed, where it can be, whether it was read to its end or not."""
    try:
        yield pieces
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _let_go_of_erased(session: Session, model: ChatModel, prompt: ChatPrompt) -> None:
    """An erase that came while a model read the memories has had it let go of them before it had them all."""
    if not isinstance(model, CachingModel) or not prompt.pinned:
        return
    with session.engine.read() as reader:
        heads = reader.vault.heads_many(id_bytes(memory.cube_id) for memory in prompt.pinned)
    erased = [id_text(state.cube_id) for state in heads.values() if is_erased(state)]
    if erased:
        model.evict(prompt.owner, erased)


def _forget_erased(session: Session, request: ChatRequest) -> None:
    """The same of adapters."""
    if not request.adapters or not isinstance(request.model, AdapterServingModel):
        return
    with session.engine.read() as reader:
        heads = reader.vault.heads_many(map(id_bytes, request.adapters))
    erased = [
        request.adapters[id_text(state.cube_id)].sha256
        for state in heads.values()
        if is_erased(state)
    ]
    if erased:
        request.model.forget_adapters(erased)


def _forms(context: StableContext, dialogue: Dialogue, pinned: Form) -> Iterator[MemoryForm]:
    """The form of each memory that the model had, in the order of the citations."""
    came: dict[str, MemoryForm] = {}
    for cite in context.pinned.citations:
        came[cite.cube_id] = MemoryForm(cite.cube_id, cite.version, pinned)
    for cite in dialogue.cites:
        came[cite.cube_id] = MemoryForm(cite.cube_id, cite.version, "plaintext")
    for held in context.held:
        cite = held.cite
        came[cite.cube_id] = MemoryForm(cite.cube_id, cite.version, "parametric", held.artefact)
    yield from came.values()


def _distinct(cites: tuple[Citation, ...]) -> tuple[Citation, ...]:
    return tuple({cite.cube_id: cite for cite in cites}.values())


def _remember(
    session: Session, request: ChatRequest, text: str, cites: tuple[Citation, ...]
) -> tuple[Receipt, ...]:
    """Remember question and answer, and nothing of the memories beside them. The answer is derived from
    those: it may be read by nobody who may not read them, and an erase or a rollback of one reaches it.
    """
    if request.remembered_as is None or not text.strip():
        return ()
    scope, name = request.remembered_as
    turns: list[dict[str, object]] = [
        {"role": "user", "text": request.dialogue.question},
        {"role": "assistant", "text": text, "derived_from": [cite.named for cite in cites]},
    ]
    return tuple(add_conversation(session, Conversation(turns=turns, scope=scope, session=name)))
