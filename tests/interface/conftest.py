from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Memory, Receipt
from memos.infrastructure.transfer import wrapping
from tests.interface.support import COUNT

STRETCHED = 2**10


@pytest.fixture(autouse=True, scope="module")
def _quick_passphrases() -> Iterator[None]:
    """Passphrases are stretched a little: hundreds of tests wrap keys, and not for what that costs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wrapping, "SCRYPT_N", STRETCHED)
        yield


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
