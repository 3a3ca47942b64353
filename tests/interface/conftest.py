from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Memory, Receipt
from tests.interface.support import COUNT


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    return tmp_path / "test.vault"


@pytest.fixture
def receipts(vault: Path) -> list[Receipt]:
    with Memory(vault, actor="agent:alice") as memory:
        made = [memory.add(f"memory number {n}", scope="acme") for n in range(COUNT)]
        memory.checkpoint()
    return made


@pytest.fixture
def memory(vault: Path) -> Iterator[Memory]:
    with Memory(vault, actor="agent:alice") as opened:
        yield opened
