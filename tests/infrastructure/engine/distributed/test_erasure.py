"""Erase on the distributed engine: what the receipt says is done, also after a crash within it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from secrets import token_hex

import pytest

from memos import ErasureReceipt, Forgotten, Memory
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.servers import LocalServers
from memos.kernel.event import id_bytes
from tests.embeddings import Embeddings, serving
from tests.fleet import Fleet
from tests.scenarios.place import read
from tests.waiting import wait_until

ACTOR = "agent:alice"
CHILD = Path(__file__).with_name("erasure_child.py")
TEXT = "The quokka sleeps by the kiln."
OTHER_STEPS = ["begin_erasure", "purge", "forget"]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def embeddings() -> Iterator[Embeddings]:
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def fleet(
    engines: LocalServers, embeddings: Embeddings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("fleet"), engines, embedder=embeddings.section)
    try:
        made.make(ACTOR)
        made.start_all()
        yield made
    finally:
        made.remove()


@pytest.fixture
def memory(fleet: Fleet) -> Iterator[Memory]:
    with Memory(fleet.path, actor=ACTOR) as opened:
        yield opened


def counted(receipt: ErasureReceipt) -> dict[str, int]:
    return {a.kind: int(a.name) for a in receipt.artefacts if a.kind.startswith("index ")}


def rows_left(fleet: Fleet, cube_id: str, tenant: str) -> list[str]:
    """What there is of a cube beside its events."""
    raw = id_bytes(cube_id)
    with closing(Stores(fleet.settings)) as stores:
        live = stores.live()
        base = fleet.settings.cassandra.keyspace
        key = stores.cassandra.execute(
            f"SELECT tenant FROM {base}.cube_key WHERE cube_id = ?", (raw,)
        )
        found = {
            "key": bool(key),
            "usage": live.usage.usage(raw).uses > 0,
            "text": live.spans.count([raw], tenant).postings > 0,
            "vectors": bool(fleet.vectors_of(cube_id)),
        }
    return [name for name, there in found.items() if there]


def used_and_embedded(memory: Memory, fleet: Fleet, cube_id: str) -> None:
    """Wait until there is something of every kind to erase."""
    read(memory, cube_id)
    wait_until(lambda: read(memory, cube_id).uses > 0, "its use is counted")
    wait_until(lambda: bool(fleet.vectors_of(cube_id)), "it is embedded")


def test_a_receipt_counts_the_vectors_that_milvus_had_and_has_no_more(
    memory: Memory, fleet: Fleet
) -> None:
    tenant = f"t{token_hex(4)}"
    cube = memory.add(TEXT, scope=tenant, subject="quokka").cube_id
    used_and_embedded(memory, fleet, cube)
    vectors = len(fleet.vectors_of(cube))
    told = memory.erase(subject="quokka")
    assert rows_left(fleet, cube, tenant) == []
    assert counted(told)["index vectors"] == vectors > 0
    assert counted(told)["index texts"] == 1
    assert (told.gone, told.confirmed) == (True, False)
    assert told.verify(memory.verifier_key())


@pytest.mark.parametrize(
    "step",
    [
        "vectors",
        "keep_erasure_receipt",
        *(pytest.param(step, marks=pytest.mark.soak) for step in OTHER_STEPS),
    ],
)
def test_an_erase_that_was_killed_is_finished_by_who_opens_the_vault(
    memory: Memory, fleet: Fleet, step: str
) -> None:
    tenant, subject = f"t{token_hex(4)}", f"ann{token_hex(4)}"
    hers = memory.add(TEXT, scope=tenant, subject=subject).cube_id
    his = memory.add("The numbat does not.", scope=tenant).cube_id
    both = memory.merge([hers, his], text="One sleeps.").cube_id
    used_and_embedded(memory, fleet, both)
    ended = subprocess.run(
        [sys.executable, str(CHILD), str(fleet.path), ACTOR, subject, step],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    if step != "begin_erasure":  # where nothing was destroyed
        assert isinstance(memory.get(both), Forgotten)
    # Who had the vault open goes on meanwhile: a new memory of the same subject is not the old one.
    new = memory.add("Ann is new here.", scope=tenant, subject=subject).cube_id
    assert len(memory._session.engine.erasure.unfinished()) == 1
    operation = memory._session.engine.erasure.unfinished()[0]
    with Memory(fleet.path, actor=ACTOR) as opened:
        assert opened._session.engine.erasure.unfinished() == []
        assert rows_left(fleet, hers, tenant) == rows_left(fleet, both, tenant) == []
        assert read(opened, his).text == "The numbat does not."
        assert read(opened, new).text == "Ann is new here."
        with closing(Stores(fleet.settings)) as stores:
            base = fleet.settings.cassandra.keyspace
            cql = f"SELECT receipt FROM {base}.erasure WHERE operation_id = ?"
            ((receipt,),) = stores.cassandra.execute(cql, (operation,))
        assert hers in receipt
        assert both in receipt
        assert '"name": "0"' not in receipt  # it tells what there was before the crash
        erased = [
            entry
            for entry in opened.events(kind="Erased")
            if entry.cube_id in (hers, both) and entry.result == "accepted"
        ]
        assert len(erased) == 2
        assert opened.audit().problems == ()


def test_an_erase_says_that_it_is_not_certain_while_its_text_may_be_at_the_embedder(
    memory: Memory, fleet: Fleet, embeddings: Embeddings
) -> None:
    tenant = f"t{token_hex(4)}"
    with embeddings.hold("bilby"):
        cube = memory.add("The bilby digs.", scope=tenant).cube_id
        told = memory.erase(cube_id=cube)
        assert not told.gone
        assert isinstance(memory.get(cube), Forgotten)
    after = memory.add("Something else.", scope=tenant).cube_id
    wait_until(lambda: bool(fleet.vectors_of(after)), "what came after it is embedded")
    assert rows_left(fleet, cube, tenant) == []
