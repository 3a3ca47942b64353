"""A vault in which nothing was ever folded: reads find nothing, and are noted nevertheless."""

from __future__ import annotations

from pathlib import Path

from memos import Memory
from memos.infrastructure.servers import LocalServers
from tests.fleet import Fleet


def test_a_search_before_the_first_memory_is_noted_as_an_access(
    engines: LocalServers, tmp_path: Path
) -> None:
    fleet = Fleet(tmp_path, engines)
    try:
        fleet.make("agent:alice")
        with Memory(fleet.path, actor="agent:alice") as memory:
            assert memory.search("pottery", scope="acme") == []
            assert memory.stats().accesses == 1
            assert memory.search("pottery", scope="acme") == []
        with Memory(fleet.path, actor="agent:alice") as memory:
            assert memory.stats().accesses == 2
    finally:
        fleet.remove()
