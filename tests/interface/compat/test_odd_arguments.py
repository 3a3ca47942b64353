"""Every argument of every public method of every adapter, given what no caller should pass.

Whatever is passed, the outcome is a result, an error of MemOS, or one that the library itself says comes
there; a refusal leaves nothing half written.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from anthropic.lib.tools import ToolError
from langgraph.store.base import InvalidNamespaceError

from memos import Memory
from memos.compat.anthropic import MemoryTool
from memos.compat.langgraph import MemosStore
from memos.compat.mem0 import AsyncMemory
from memos.compat.mem0 import Memory as Mem0Memory
from memos.compat.openai_agents import MemosSession
from tests.interface.attempts import Attempts
from tests.interface.compat.odd_calls import (
    Calls,
    called,
    claude_calls,
    langgraph_calls,
    openai_agents_calls,
    parameters_of,
    public_methods,
)
from tests.interface.compat.odd_mem0_calls import async_mem0_calls, mem0_calls
from tests.interface.odd import ODD


class Adapter(NamedTuple):
    """An adapter, its good calls, those that take nothing, and the errors of its library's own."""

    kind: type
    calls: Callable[[Memory, Path], Calls]
    bare: frozenset[str]
    refusals: tuple[type[Exception], ...] = ()


MEM0_BARE = frozenset({"reset", "close", "chat"})
ADAPTERS = {
    "mem0": Adapter(Mem0Memory, mem0_calls, MEM0_BARE),
    "mem0, awaited": Adapter(AsyncMemory, async_mem0_calls, MEM0_BARE),
    "langgraph": Adapter(
        MemosStore, langgraph_calls, frozenset({"close"}), (InvalidNamespaceError,)
    ),
    "openai_agents": Adapter(
        MemosSession, openai_agents_calls, frozenset({"close", "pop_item", "clear_session"})
    ),
    "claude_memory_tool": Adapter(
        MemoryTool, claude_calls, frozenset({"clear_all_memory"}), (ToolError,)
    ),
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_argument_of_every_public_method_has_a_good_call(
    memory: Memory, tmp_path: Path, name: str
) -> None:
    adapter = ADAPTERS[name]
    calls = adapter.calls(memory, tmp_path)
    methods = public_methods(adapter.kind) - adapter.bare
    assert methods <= calls.keys()
    for method in {*methods, "__init__"}:
        if inspect.ismethod(calls[method].of) or inspect.isclass(calls[method].of):
            assert parameters_of(calls[method].of) <= calls[method].good.keys()
    for method, call in calls.items():
        if not method.startswith("unknown"):
            called(call, call.good)


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_odd_argument_is_a_result_or_what_is_promised(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    adapter = ADAPTERS[name]
    attempts = Attempts(memory, *adapter.refusals)
    for method, call in adapter.calls(memory, tmp_path).items():
        for parameter in call.good:
            for odd, value in ODD.items():
                arguments = {**call.good, parameter: value}
                attempts.run(f"{method}({parameter}={odd})", partial(called, call, arguments))
    attempts.check()
    assert memory.rebuild().digest == memory.digest()
