from __future__ import annotations

from pathlib import Path

import pytest

from tests.infrastructure.index.sqlite.support import Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault.db")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of two docs, so that few docs make many."""
    package = "memos.infrastructure.index.sqlite"
    for module in ("blocks", "writer", "snapshot", "view", "tables"):
        monkeypatch.setattr(f"{package}.{module}.BLOCK", 2)
    monkeypatch.setattr(f"{package}.snapshot._PATIENCE", 3)
