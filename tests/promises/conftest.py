from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Memory


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    return tmp_path / "test.vault"


@pytest.fixture
def memory(vault: Path) -> Iterator[Memory]:
    with Memory(vault, actor="agent:alice") as opened:
        yield opened
