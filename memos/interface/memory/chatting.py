"""The call that answers from memories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from memos.interface.memory.door import Door
from memos.kernel.scope import check_scopes
from memos.operation.reads.quote import CountTokens, estimate_tokens
from memos.operation.validation import check_flag, check_limit, check_list

if TYPE_CHECKING:
    from memos.infrastructure.chat_models.port import ChatModel
    from memos.operation.chat.answer import ChatAnswer
    from memos.operation.chat.stream import ChatStream
    from memos.operation.validation import AsOf

MOST_TOKENS = 1_000_000
Messages = Iterable[Mapping[str, Any]]


class ChattingCalls(Door):
    """The call that answers from memories. See `Memory`."""

    @overload
    def chat(
        self,
        messages: Messages,
        *,
        scope: str | Iterable[str],
        model: ChatModel,
        stream: Literal[False] = False,
        remember: bool = False,
        session: str = "chat",
        state: str | None = None,
        max_tokens: int = 512,
        budget_tokens: int = 1000,
        pinned_tokens: int | None = None,
        history_tokens: int | None = None,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
        adapters: bool = True,
    ) -> ChatAnswer: ...

    @overload
    def chat(
        self,
        messages: Messages,
        *,
        scope: str | Iterable[str],
        model: ChatModel,
        stream: Literal[True],
        remember: bool = False,
        session: str = "chat",
        state: str | None = None,
        max_tokens: int = 512,
        budget_tokens: int = 1000,
        pinned_tokens: int | None = None,
        history_tokens: int | None = None,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
        adapters: bool = True,
    ) -> ChatStream: ...

    def chat(
        self,
        messages: Messages,
        *,
        scope: str | Iterable[str],
        model: ChatModel,
        stream: bool = False,
        remember: bool = False,
        session: str = "chat",
        state: str | None = None,
        max_tokens: int = 512,
        budget_tokens: int = 1000,
        pinned_tokens: int | None = None,
        history_tokens: int | None = None,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
        adapters: bool = True,
    ) -> ChatAnswer | ChatStream:
        """Answer the last of some messages from memories, by a model.

        The prompt is built for prompt caches, as in `context_session`: the pinned memories in front of
        the history, what else was found in front of the question, where it stays. The model is told to
        cite memories by their labels; the answer says which it had before it, each at its version.

        To go on, pass the answer's `messages` with the next question behind them, and its `state`. A
        user's message in them has what was found for it in a field of its own, `memories`. Where a
        memory in the prompt was changed, undone or erased, or is no longer readable, the next call
        takes what was found before out of the messages. What the model itself said of it stays in the
        messages that you pass. Messages without their state, or another's, begin anew: what was found
        before is taken out.

        Args:
            messages: mappings with `role` (system, user, assistant) and `content`, a text, as OpenAI's
                chat API has them: system messages first, the question last.
            scope: where to look, and in all that lies under it; one scope, or several of one tenant.
            model: who answers: an `OpenAICompatible` server, a local model, or any `ChatModel`.
            stream: give the answer in pieces, as they come, in a `ChatStream`; its `answer` is the
                whole. Closed early, it has none.
            remember: add question and answer to `session` in the scope, once the answer is whole, and
                nothing of the memories that were found. The answer is derived from those: whoever may
                not read one of them may not read it, and their rollback and erase reach it.
            session: which session of the scope's conversation it is; for `remember`.
            state: the `state` of the answer before.
            max_tokens: how many tokens the answer may have.
            budget_tokens: how many tokens what is found for a question may have, by `count_tokens`.
            pinned_tokens: how many the pinned memories may have; by default twice as many.
            history_tokens: how many what was found may have together in the messages; by default eight
                times as many.
            k: how many memories are considered.
            as_of: what was known at a cut, a position or a log time.
            filter: what must hold, as in `search`.
            recipe: which stages of search run.
            count_tokens: a model's own counter; by default `estimate_tokens`.
            adapters: whether the model's adapters may answer: what is found for the question and a live one
                holds is then not said in the prompt, and cannot be cited by its label.

        Returns:
            The answer, or with `stream` its pieces.

        Raises:
            InvalidInput: an argument does not fit; the model was not asked.
            ModelUnavailable: the model cannot be asked, or failed; nothing was remembered.
            ReadOnly: it is to be remembered, and the vault is open for reading.
        """
        from memos.infrastructure.chat_models import check_model
        from memos.infrastructure.chat_models.adapting import AdapterServingModel
        from memos.interface.context_session import ContextSession
        from memos.operation.chat.adapters import AdapterRouter
        from memos.operation.chat.chat import ChatRequest, chat, remembered_as
        from memos.operation.chat.dialogue import Dialogue
        from memos.operation.chat.stream import ChatStream

        check_flag(adapters, "adapters")
        in_pieces = check_flag(stream, "stream")
        where = scope if isinstance(scope, str) else check_list(scope, "scope")
        dialogue = Dialogue.of(messages)
        goes_on = dialogue.is_of(state)
        answering = check_model(model)
        router = (
            AdapterRouter(answering)
            if adapters and isinstance(answering, AdapterServingModel)
            else None
        )
        turns = ContextSession(
            self._session,
            scope=where,
            budget_tokens=budget_tokens,
            pinned_tokens=pinned_tokens,
            history_tokens=history_tokens,
            k=k,
            as_of=as_of,
            filter=filter,
            recipe=recipe,
            state=state if goes_on else None,
            count_tokens=count_tokens,
            hold=router,
        )
        request = ChatRequest(
            dialogue=dialogue if goes_on else dialogue.without_memories(),
            turn=turns.turn,
            scope=check_scopes(where)[0],
            model=answering,
            max_tokens=check_limit(max_tokens, "max_tokens", MOST_TOKENS),
            remembered_as=(
                remembered_as(self._session, where, session)
                if check_flag(remember, "remember")
                else None
            ),
            begun_anew=not goes_on and (state is not None or bool(dialogue.cites)),
            router=router,
        )
        pieces = ChatStream(chat(self._session, request))
        return pieces if in_pieces else pieces.read()
