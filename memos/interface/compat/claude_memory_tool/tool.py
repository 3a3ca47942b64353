"""Claude's memory tool on a vault: the six commands of `memory_20250818`, each edit a version.

The words of its answers are those that Anthropic's own implementation gives, since models were
trained on them. What it refuses is raised as `ToolError`, which the tool runner passes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ParamSpec

import anyio
from anthropic.lib.tools import (
    BetaAbstractMemoryTool,
    BetaAsyncAbstractMemoryTool,
    ToolError,
)
from anthropic.types.beta import (
    BetaCacheControlEphemeralParam,
    BetaMemoryTool20250818CreateCommand,
    BetaMemoryTool20250818DeleteCommand,
    BetaMemoryTool20250818InsertCommand,
    BetaMemoryTool20250818RenameCommand,
    BetaMemoryTool20250818StrReplaceCommand,
    BetaMemoryTool20250818ViewCommand,
)

from memos.interface.compat.claude_memory_tool.commands import Commands
from memos.interface.compat.scopes import base_scope
from memos.interface.compat.vaults import open_vault
from memos.kernel.errors import MemosError
from memos.operation.plain import plain

if TYPE_CHECKING:
    from memos.interface.memory import Memory

P = ParamSpec("P")


class MemoryTool(BetaAbstractMemoryTool):
    """Claude's memory tool, for the tool runner of `anthropic.Anthropic`.

    with Memory("team.vault", actor="agent:claude") as memory:
        client.beta.messages.tool_runner(tools=[MemoryTool(memory, scope="acme/claude")], ...)
    """

    def __init__(
        self,
        memory: Memory,
        *,
        scope: str,
        cache_control: BetaCacheControlEphemeralParam | None = None,
    ) -> None:
        """Keep the files of `/memories` in a scope of their own.

        Args:
            memory: an open vault, on behalf of the agent.
            scope: where the files are memories; nothing else lies there.
            cache_control: as of Anthropic's tool.

        Raises:
            InvalidInput: there is no such vault or scope.
        """
        super().__init__(cache_control=cache_control)
        self._commands = Commands(open_vault(memory), base_scope(scope))

    def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return _told(self._commands.view, command.path, command.view_range)

    def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return _told(self._commands.create, command.path, command.file_text)

    def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return _told(self._commands.str_replace, command.path, command.old_str, command.new_str)

    def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return _told(self._commands.insert, command.path, command.insert_line, command.insert_text)

    def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return _told(self._commands.delete, command.path)

    def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return _told(self._commands.rename, command.old_path, command.new_path)

    def clear_all_memory(self) -> str:
        return _told(self._commands.clear)


class AsyncMemoryTool(BetaAsyncAbstractMemoryTool):
    """As `MemoryTool`, for `anthropic.AsyncAnthropic`: each command runs in a thread."""

    def __init__(
        self,
        memory: Memory,
        *,
        scope: str,
        cache_control: BetaCacheControlEphemeralParam | None = None,
    ) -> None:
        """See `MemoryTool`."""
        super().__init__(cache_control=cache_control)
        self._tool = MemoryTool(memory, scope=scope)

    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return await _aside(self._tool.view, command)

    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return await _aside(self._tool.create, command)

    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return await _aside(self._tool.str_replace, command)

    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return await _aside(self._tool.insert, command)

    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return await _aside(self._tool.delete, command)

    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return await _aside(self._tool.rename, command)

    async def clear_all_memory(self) -> str:
        return await _aside(self._tool.clear_all_memory)


def _told(command: Callable[P, str], *args: P.args, **kwargs: P.kwargs) -> str:
    with _refusals_told():
        return command(*map(plain, args), **kwargs)


@contextmanager
def _refusals_told() -> Iterator[None]:
    try:
        yield
    except MemosError as error:
        raise ToolError(str(error)) from error


async def _aside(command: Callable[P, str], *args: P.args, **kwargs: P.kwargs) -> str:
    return await anyio.to_thread.run_sync(partial(command, *args, **kwargs))
