from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos.compat.langgraph import MemosStore


@pytest.fixture
def store(vault: Path) -> Iterator[MemosStore]:
    with MemosStore(vault, scope="acme/store", actor="agent:alice") as opened:
        yield opened
