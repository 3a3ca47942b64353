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

    add = _in_thread(Memory.add)
    add_many = _in_thread(Memory.add_many)
    merge = _in_thread(Memory.merge)
    add_conversation = _in_thread(Memory.add_conversation)
    update = _in_thread(Memory.update)
    tag = _in_thread(Memory.tag)
    untag = _in_thread(Memory.untag)
    link = _in_thread(Memory.link)
    set_header = _in_thread(Memory.set_header)
    set_lifespan = _in_thread(Memory.set_lifespan)
    update_many = _in_thread(Memory.update_many)
    tag_many = _in_thread(Memory.tag_many)
    untag_many = _in_thread(Memory.untag_many)
    archive_many = _in_thread(Memory.archive_many)
    restore_many = _in_thread(Memory.restore_many)
    archive = _in_thread(Memory.archive)
    restore = _in_thread(Memory.restore)
    freeze = _in_thread(Memory.freeze)
    thaw = _in_thread(Memory.thaw)
    hold = _in_thread(Memory.hold)
    lift_hold = _in_thread(Memory.lift_hold)
    sweep = _in_thread(Memory.sweep)
    get = _in_thread(Memory.get)
    find_id = _in_thread(Memory.find_id)
    history = _in_thread(Memory.history)
    diff = _in_thread(Memory.diff)
    lineage = _in_thread(Memory.lineage)
    wait_for = _in_thread(Memory.wait_for)
    list = _in_thread(Memory.list)
    count = _in_thread(Memory.count)
    scopes = _in_thread(Memory.scopes)
    subjects = _in_thread(Memory.subjects)
    search = _in_thread(Memory.search)
    embedding_lag = _in_thread(Memory.embedding_lag)
    embed_pending = _in_thread(Memory.embed_pending)
    extract_facts = _in_thread(Memory.extract_facts)
    context = _in_thread(Memory.context)
    related = _in_thread(Memory.related)
    route = _in_thread(Memory.route)
    activate = _in_thread(Memory.activate)
    reactivate = _in_thread(Memory.reactivate)
    activations = _in_thread(Memory.activations)
    evict = _in_thread(Memory.evict)
    materialise = _in_thread(Memory.materialise)
    schedule = _in_thread(Memory.schedule)
    distil = _in_thread(Memory.distil)
    adapters = _in_thread(Memory.adapters)
    adapter = _in_thread(Memory.adapter)
    retire = _in_thread(Memory.retire)
    retire_outdated = _in_thread(Memory.retire_outdated)
    rebuild_adapter = _in_thread(Memory.rebuild_adapter)
    rebuilt_adapters = _in_thread(Memory.rebuilt_adapters)
    promote = _in_thread(Memory.promote)
    backpatch = _in_thread(Memory.backpatch)
    learn = _in_thread(Memory.learn)
    learning_curve = _in_thread(Memory.learning_curve)
    tags = _in_thread(Memory.tags)
    vocabulary = _in_thread(Memory.vocabulary)
    set_vocabulary = _in_thread(Memory.set_vocabulary)
    set_sensitivities = _in_thread(Memory.set_sensitivities)
    sensitivities = _in_thread(Memory.sensitivities)
    accesses = _in_thread(Memory.accesses)
    denials = _in_thread(Memory.denials)
    keep_queries = _in_thread(Memory.keep_queries)
    queries = _in_thread(Memory.queries)
    rollback = _in_thread(Memory.rollback)
    erase = _in_thread(Memory.erase)
    grant_administrator = _in_thread(Memory.grant_administrator)
    revoke_administrator = _in_thread(Memory.revoke_administrator)
    administrators = _in_thread(Memory.administrators)
    create_api_key = _in_thread(Memory.create_api_key)
    api_keys = _in_thread(Memory.api_keys)
    rotate_api_key = _in_thread(Memory.rotate_api_key)
    revoke_api_key = _in_thread(Memory.revoke_api_key)
    name_cut = _in_thread(Memory.name_cut)
    cuts = _in_thread(Memory.cuts)
    rebuild = _in_thread(Memory.rebuild)
    rotate_root_key = _in_thread(Memory.rotate_root_key)
    digest = _in_thread(Memory.digest)
    usage_digest = _in_thread(Memory.usage_digest)
    stats = _in_thread(Memory.stats)
    verify = _in_thread(Memory.verify)
    audit = _in_thread(Memory.audit)
    checkpoint = _in_thread(Memory.checkpoint)
    prove = _in_thread(Memory.prove)
    prove_consistency = _in_thread(Memory.prove_consistency)
    verifier_key = _in_thread(Memory.verifier_key)
    export = _in_thread(Memory.export)
    backup = _in_thread(Memory.backup)
    import_export = _in_thread(Memory.import_export)
    import_file = _in_thread(Memory.import_file)
    migrated_from = _in_thread(Memory.migrated_from)
