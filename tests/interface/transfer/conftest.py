from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Memory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "first.vault", actor="agent:alice") as opened:
        yield opened
