from __future__ import annotations

from collections.abc import Iterator

import pytest

from memos import Memory
from tests.interface.http.served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("served") / "team.vault"
    with Memory(path, actor="user:root") as memory, Served(memory) as server:
        yield server
