"""mem0's paths beside the server's own."""

from __future__ import annotations

from typing import Any

from memos.interface.http.mem0_dialect import MEM0_PATH
from memos.interface.http.routes.mem0 import absent, batch, memories, ping
from tests.interface.http.served import Served

FAMILIES = (memories, batch, ping, absent)


def test_every_path_of_mem0s_is_spoken_to_in_its_dialect_and_no_other_is(served: Served) -> None:
    theirs = {route.path for family in FAMILIES for route in family.router.routes}
    assert len(theirs) > 20
    assert all(MEM0_PATH.fullmatch(path) for path in theirs)
    own: dict[str, Any] = served.app.openapi()["paths"]
    assert len(own) > 20
    assert not any(MEM0_PATH.fullmatch(path) for path in own)


def test_mem0s_paths_are_in_its_own_description_and_not_in_ours(served: Served) -> None:
    assert not [path for path in served.app.openapi()["paths"] if path.endswith("/")]
