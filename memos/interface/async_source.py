"""Writes `async_memory.py` from `Memory`, so that both have the same methods.

`python -m memos.interface.async_source` writes it; with `--check` it exits with 1 where the file is
not what would be written.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from memos.interface.memory import Memory

TARGET = Path(__file__).with_name("async_memory.py")

APART = frozenset({"as_actor", "as_api_key", "chat", "close", "context_session", "events", "load"})
"""Methods that are no plain calls: written in the template."""

TEMPLATE = '''\
"""AsyncMemory: the same API for programs that run an event loop. No call blocks it.

Written by `memos.interface.async_source` from `Memory`; do not edit.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from copy import copy
from functools import partial, wraps
from itertools import islice
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from memos.infrastructure.transfer.load.loader import LoadReport
from memos.interface.context_session import ContextSession
from memos.interface.memory import Memory
from memos.kernel.errors import InvalidInput
from memos.operation.begun import nothing_begun, noting_begun, tell_begun
from memos.operation.chat.answer import ChatAnswer
from memos.operation.chat.stream import ChatStream
from memos.operation.reads.history import LogEntry
from memos.operation.reads.stable_context import StableContext
from memos.operation.validation import check_limit, check_path

P = ParamSpec("P")
T = TypeVar("T")

PAGE = 500
CALLS_AT_ONCE = 64
_OPTIONS = inspect.signature(Memory).parameters.keys() - {"path"}

_Call = Callable[Concatenate["AsyncMemory", P], Coroutine[Any, Any, T]]


def _in_thread(method: Callable[Concatenate[Memory, P], T]) -> _Call[P, T]:
    """The method of Memory, run in a thread."""

    @wraps(method)
    async def call(self: AsyncMemory, /, *args: P.args, **kwargs: P.kwargs) -> T:
        begun = nothing_begun()
        try:
            context = noting_begun(begun)
            work = partial(context.run, self._call, method, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except asyncio.CancelledError as cancelled:
            tell_begun(cancelled, method.__name__, begun)
            cancelled.add_note(f"{method.__name__} was cancelled; begun, it goes on in its thread")
            raise

    return call


class AsyncContextSession:
    """The context of one conversation, as a `ContextSession` gives it, for asyncio."""

    def __init__(self, memory: AsyncMemory, session: ContextSession) -> None:
        self._memory = memory
        self._session = session

    @property
    def state(self) -> str | None:
        """As in `ContextSession`."""
        return self._session.state

    async def turn(self, query: str) -> StableContext:
        """As in `ContextSession`."""
        return await self._memory._run(lambda: self._session.turn(query))


class AsyncChatStream:
    """Iterates over the pieces of an answer, as a `ChatStream` gives them, for asyncio."""

    def __init__(self, memory: AsyncMemory, stream: ChatStream) -> None:
        self._memory = memory
        self._stream = stream

    @property
    def answer(self) -> ChatAnswer:
        """As in `ChatStream`."""
        return self._stream.answer

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        piece = await self._memory._run(lambda: next(self._stream, None))
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def close(self) -> None:
        """As in `ChatStream`."""
        await self._memory._run(self._stream.close)


class AsyncMemory:
    """A vault of memories for asyncio.

        async with AsyncMemory("team.vault", actor="agent:alice") as memory:
            await memory.add("She likes pottery.", scope="acme/alice/chat-7")

    Every method is the one of `Memory` with the same name, run in a thread; calls that run at the
    same time share one durable transaction. `calls_at_once` run at the same time; the others wait.
    """

    def __init__(
        self, vault: str | Path | Memory, *, calls_at_once: int = CALLS_AT_ONCE, **options: Any
    ) -> None:
        """Take the vault at a path, which the first call opens in a thread; or one that is open.

        Args:
            vault: a path as `Memory` takes it, or a `Memory`.
            calls_at_once: how many calls run at the same time; the others wait.
            options: those of `Memory`, of a vault at a path.

        Raises:
            InvalidInput: `calls_at_once` is no number from 1 on, or an option is none, or is given
                with a vault that is open.
        """
        width = check_limit(calls_at_once, "calls_at_once")
        unknown = options.keys() - (() if isinstance(vault, Memory) else _OPTIONS)
        if unknown:
            raise InvalidInput(
                f"AsyncMemory takes no {', '.join(sorted(unknown))} here: "
                f"of a path it takes {', '.join(sorted(_OPTIONS))}"
            )
        self._path = vault.path if isinstance(vault, Memory) else check_path(vault)
        self._opened = vault if isinstance(vault, Memory) else None
        self._options = options
        self._opening = Lock()
        self._threads = ThreadPoolExecutor(width, thread_name_prefix="memos-call")

    @classmethod
    async def open(
        cls, path: str | Path, *, calls_at_once: int = CALLS_AT_ONCE, **options: Any
    ) -> Self:
        """Open a vault; the other options are those of `Memory`."""
        memory = cls(path, calls_at_once=calls_at_once, **options)
        await memory._run(lambda: memory.memory)
        return memory

    @classmethod
    async def load(
        cls,
        path: str | Path,
        into: str | Path,
        *,
        calls_at_once: int = CALLS_AT_ONCE,
        **options: Any,
    ) -> Self:
        """Open the vault `into` with what an export holds, as `Memory.load` does."""
        check_limit(calls_at_once, "calls_at_once")
        memory = await asyncio.to_thread(Memory.load, path, into, **options)
        return cls(memory, calls_at_once=calls_at_once)

    def as_actor(self, actor: str, *, tenant: str | None = None) -> Self:
        """The same open vault on behalf of another actor, as `Memory.as_actor` gives it; where no call
        has opened it yet, it is opened here.
        """
        other = copy(self)
        other._opened = self.memory.as_actor(actor, tenant=tenant)
        return other

    async def as_api_key(self, key: str) -> Self:
        """The same open vault on behalf of an API key's actor, as `Memory.as_api_key` gives it."""
        other = copy(self)
        other._opened = await self._run(lambda: self.memory.as_api_key(key))
        return other

    async def context_session(self, **options: Any) -> AsyncContextSession:
        """The context of a conversation; the options are those of `Memory.context_session`."""
        session = await self._run(lambda: self.memory.context_session(**options))
        return AsyncContextSession(self, session)

    async def chat(
        self, messages: Iterable[Mapping[str, Any]], **options: Any
    ) -> ChatAnswer | AsyncChatStream:
        """An answer from memories; the options are those of `Memory.chat`."""
        answer = await _in_thread(Memory.chat)(self, messages, **options)
        return AsyncChatStream(self, answer) if isinstance(answer, ChatStream) else answer

    @property
    def path(self) -> Path:
        """The vault's directory, or its settings file."""
        return self._path

    @property
    def reach(self) -> tuple[str, ...]:
        """As in `Memory`."""
        return self.memory.reach

    @property
    def memory(self) -> Memory:
        """The vault; where no call has opened it yet, it is opened here."""
        with self._opening:
            if self._opened is None:
                self._opened = Memory(self._path, **self._options)
            return self._opened

    @property
    def load_report(self) -> LoadReport | None:
        """What `load` did, on the vault that it returned."""
        return None if self._opened is None else self._opened.load_report

    async def events(self, **records: Any) -> AsyncIterator[LogEntry]:
        """The log, as `Memory.events` gives it, read a page at a time."""
        entries = await self._run(lambda: self.memory.events(**records))
        while page := await self._run(lambda: list(islice(entries, PAGE))):
            for entry in page:
                yield entry

    async def close(self) -> None:
        """Write what waits and close every file; harmless when repeated."""
        await self._run(self._close)

    def _close(self) -> None:
        with self._opening:
            if self._opened is not None:
                self._opened.close()

    def _call(
        self, method: Callable[Concatenate[Memory, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return method(self.memory, *args, **kwargs)

    async def _run(self, work: Callable[[], T]) -> T:
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, work)

    async def __aenter__(self) -> Self:
        await self._run(lambda: self.memory)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

'''


def method_names() -> Iterator[str]:
    """The public methods of Memory, in the order in which they are written."""
    for name, member in vars(Memory).items():
        if inspect.isfunction(member) and not name.startswith("_") and name not in APART:
            yield name


def source() -> str:
    """The module, as it should be."""
    calls = (f"    {name} = _in_thread(Memory.{name})\n" for name in method_names())
    return TEMPLATE + "".join(calls)


def main(arguments: list[str]) -> int:
    """Write the module, or check it; the exit status."""
    if "--check" not in arguments:
        TARGET.write_text(source(), "utf-8")
        return 0
    if TARGET.read_text("utf-8") == source():
        return 0
    sys.stderr.write(
        f"{TARGET} is not what Memory gives: run `python -m memos.interface.async_source`\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
