"""What is inside an open vault, for tests that look below its ports."""

from __future__ import annotations

from memos import Memory
from memos.infrastructure.engine.embedded.engine import EmbeddedEngine
from memos.infrastructure.engine.embedded.stores import EmbeddedStores


def stores_of(memory: Memory) -> EmbeddedStores:
    """The files of an embedded vault."""
    engine = memory._session.engine
    assert isinstance(engine, EmbeddedEngine)
    return engine.stores
