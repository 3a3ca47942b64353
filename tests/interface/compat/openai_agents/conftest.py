from __future__ import annotations

from collections.abc import Iterator

import pytest
from agents import set_tracing_disabled

from memos import Memory
from memos.compat.openai_agents import MemosSession


@pytest.fixture(autouse=True)
def _no_traces() -> None:
    """The SDK sends traces to its maker unless it is told not to."""
    set_tracing_disabled(True)


@pytest.fixture
def session(memory: Memory) -> Iterator[MemosSession]:
    made = MemosSession("chat-7", memory, scope="acme/alice")
    yield made
    made.close()
