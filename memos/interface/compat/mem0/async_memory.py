"""mem0's AsyncMemory on a vault: the calls of `Memory`, in threads."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial, wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, NoReturn, ParamSpec, Self, TypeVar

from memos.interface.compat.mem0.memory import Memory
from memos.interface.compat.threads import in_thread
from memos.interface.memory import Memory as Vault

P = ParamSpec("P")
T = TypeVar("T")


def _awaited(
    method: Callable[Concatenate[Memory, P], T],
) -> Callable[Concatenate[AsyncMemory, P], Coroutine[Any, Any, T]]:
    """The method of `Memory`, run in a thread."""

    @wraps(method)
    async def call(self: AsyncMemory, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(partial(method, self.memory, *args, **kwargs))

    return call


class AsyncMemory:
    """mem0's `AsyncMemory`: as `Memory`, for asyncio. No call blocks the event loop.

    Args:
        vault, scope, options: as of `Memory`. A vault at a path is opened here.
    """

    def __init__(self, vault: str | Path | Vault, *, scope: str, **options: Any) -> None:
        self.memory = Memory(vault, scope=scope, **options)

    @classmethod
    def from_config(cls, config_dict: Mapping[str, Any]) -> Self:
        """As in `Memory`."""
        made = cls.__new__(cls)
        made.memory = Memory.from_config(config_dict)
        return made

    @property
    def vault(self) -> Vault:
        """The vault, whose own calls block: `memos.AsyncMemory(m.vault)` has those that do not."""
        return self.memory.vault

    add = _awaited(Memory.add)
    get = _awaited(Memory.get)
    get_all = _awaited(Memory.get_all)
    search = _awaited(Memory.search)
    update = _awaited(Memory.update)
    delete = _awaited(Memory.delete)
    delete_all = _awaited(Memory.delete_all)
    history = _awaited(Memory.history)
    reset = _awaited(Memory.reset)

    def close(self) -> None:
        """Close the vault where this memory opened it."""
        self.memory.close()

    async def chat(self, query: str) -> NoReturn:
        """As in `Memory`."""
        self.memory.chat(query)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await in_thread(self.close)
