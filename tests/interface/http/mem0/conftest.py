from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.interface.http.mem0.clients import QUIET, Clients
from tests.interface.http.served import Served


@pytest.fixture(scope="module")
def mem0(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """mem0, with a directory of its own."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in QUIET.items():
            patched.setenv(name, value)
        patched.setenv("MEM0_DIR", str(tmp_path_factory.mktemp("mem0")))
        import mem0

        yield mem0


@pytest.fixture(scope="module")
def clients(mem0: Any, served: Served) -> Clients:
    return Clients(mem0, served)


@pytest.fixture(scope="module")
def client(clients: Clients) -> Iterator[Any]:
    """A client of a key for the tenant `acme`."""
    with clients.client() as made:
        yield made
