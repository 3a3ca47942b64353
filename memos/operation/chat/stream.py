"""An answer that is read piece by piece."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from memos.kernel.errors import InvalidInput
from memos.operation.chat.answer import ChatAnswer
from memos.operation.chat.chat import Pieces


class ChatStream:
    """Iterates over the pieces of an answer; behind the last, `answer` is the whole.

    Memories are selected when the first piece is asked for. Whoever closes it before the end has no
    answer, and nothing was remembered. For one reader at a time.
    """

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._answer: ChatAnswer | None = None
        self._is_cut_off = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except StopIteration as end:
            self._answer = self._answer or end.value
            raise StopIteration from None
        except BaseException:
            self._is_cut_off = True
            raise

    @property
    def answer(self) -> ChatAnswer:
        """The whole answer.

        Raises:
            InvalidInput: the stream has not come to its end.
        """
        if self._answer is not None:
            return self._answer
        if self._is_cut_off:
            raise InvalidInput(
                "the stream was cut off before its end: there is no answer, and nothing was remembered"
            )
        raise InvalidInput("the answer is there when the stream has been read to its end")

    def read(self) -> ChatAnswer:
        """The whole answer, once it has been read to its end."""
        for _ in self:
            pass
        return self.answer

    def close(self) -> None:
        """Let go of the model; harmless behind the end."""
        self._is_cut_off = self._answer is None
        self._pieces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
