"""Nobody makes a vault grow by asking for what is not there, nor by what they may not do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from memos import Denied, Memory, MemosError
from tests.interface.odd import ASKED, Echo
from tests.interface.test_gate import Refuses

NOWHERE = "nobody/x"

READS: dict[str, Callable[[Memory], object]] = {
    "accesses": lambda memory: memory.accesses(scope=NOWHERE),
    "activations": lambda memory: memory.activations(NOWHERE),
    "adapters": lambda memory: memory.adapters(NOWHERE),
    "administrators": lambda memory: memory.administrators("nobody"),
    "chat": lambda memory: memory.chat(ASKED, scope=NOWHERE, model=Echo()),
    "context": lambda memory: memory.context("kiln", scope=NOWHERE),
    "count": lambda memory: memory.count(scope=NOWHERE),
    "denials": lambda memory: memory.denials(scope=NOWHERE),
    "erase": lambda memory: memory.erase(scope=NOWHERE, dry_run=True),
    "events": lambda memory: list(memory.events(scope=NOWHERE, source="web")),
    "extract_facts": lambda memory: memory.extract_facts(NOWHERE),
    "learning_curve": lambda memory: memory.learning_curve(NOWHERE),
    "list": lambda memory: memory.list(scope=NOWHERE, filter={"tags": "craft"}),
    "rollback": lambda memory: memory.rollback(source="web", scope=NOWHERE, dry_run=True),
    "route": lambda memory: memory.route("kiln", scope=NOWHERE),
    "scopes": lambda memory: memory.scopes(NOWHERE),
    "search": lambda memory: memory.search("kiln", scope=NOWHERE),
    "search as of a cut": lambda memory: memory.search("kiln", scope=NOWHERE, as_of="no cut"),
    "search in a tenant": lambda memory: memory.as_actor("eve", tenant="nobody").search(
        "kiln", scope=NOWHERE
    ),
    "sensitivities": lambda memory: memory.sensitivities("nobody"),
    "subjects": lambda memory: memory.subjects(NOWHERE),
    "tags": lambda memory: memory.tags(NOWHERE),
    "vocabulary": lambda memory: memory.vocabulary(NOWHERE),
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "v", actor="agent:alice") as opened:
        opened.add("pottery", scope="acme/alice")
        yield opened


def keys(memory: Memory) -> tuple[list[str], int]:
    """The tenants that have a key, and how many subjects have one."""
    memory._session.access_log.flush()
    store = memory._session.engine.keys
    return store.tenants(), len(list(store.subjects()))


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_of_a_tenant_that_has_nothing_makes_no_key(
    memory: Memory, read: Callable[[Memory], object]
) -> None:
    before = keys(memory)
    with suppress(MemosError):  # some are not there, or not for everybody
        read(memory.as_actor("agent:eve"))
    assert keys(memory) == before


def test_a_tenant_that_has_nothing_is_asked_without_a_trace_but_the_access(memory: Memory) -> None:
    memory.keep_queries("7d")
    memory.as_actor("agent:eve").search("kiln", scope=NOWHERE)
    (access,) = memory.accesses(actor="agent:eve")
    assert (access.action, access.scope) == ("search", NOWHERE)
    assert memory.queries("nobody") == []


def test_the_first_vocabulary_of_a_tenant_is_kept_and_a_denied_one_makes_no_key(
    memory: Memory, tmp_path: Path
) -> None:
    memory.set_vocabulary("rival/x", ["craft"])
    memory.set_vocabulary("rival/x", ["craft", "kiln"])
    assert memory.vocabulary("rival/x").tags == ("craft", "kiln")
    with Memory(tmp_path / "v", actor="agent:eve", governor=Refuses()) as denied:
        before = keys(denied)
        with pytest.raises(Denied):
            denied.set_vocabulary(NOWHERE, ["craft"])
        assert keys(denied) == before
