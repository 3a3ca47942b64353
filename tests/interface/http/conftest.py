from __future__ import annotations

from collections.abc import Iterator

import pytest

from memos import Memory
from tests.interface.http.served import ALL_ACTIONS, Caller, Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("served") / "team.vault"
    with Memory(path, actor="user:root") as memory, Served(memory) as server:
        yield server


@pytest.fixture(scope="module")
def alice(served: Served) -> Caller:
    return served.caller("user:alice")


@pytest.fixture(scope="module")
def root(served: Served) -> Caller:
    """Who administers the vault, by a key for one tenant."""
    return served.caller("user:root", actions=ALL_ACTIONS)
