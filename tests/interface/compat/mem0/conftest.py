from __future__ import annotations

import pytest

from memos import Memory as Vault
from memos.compat.mem0 import Memory


@pytest.fixture
def m(memory: Vault) -> Memory:
    return Memory(memory, scope="acme/mem0")
