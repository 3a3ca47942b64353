"""What an operator and an auditor do, from their side."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from memos import DamagedChange, Forgotten, KeysMissing, Memory, NotFound, doctor
from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.event import id_bytes
from tests.fleet import Fleet
from tests.scenarios.conftest import SECONDS
from tests.scenarios.place import ADMINISTRATOR, Place, read, texts

WORDS = ("Xylophonists", "befriended", "quokkas")
TEXT, TAG, META, SOURCE = "Xylophonists befriended quokkas", "bilbytag", "numbatmeta", "potoroo:1"


def fill(memory: Memory, tenant: str) -> str:
    """A little of everything; the id of a memory that is changed and there."""
    cube = memory.add("from Sweden", scope=f"{tenant}/a", tags=["home"], source="chat:1").cube_id
    memory.update(cube, "from Norway")
    memory.update(cube, "by train", mode="append")
    other = memory.add("likes chess", scope=f"{tenant}/b", derived_from=[cube]).cube_id
    third = memory.add("likes pottery", scope=f"{tenant}/b").cube_id
    memory.merge([other, third])
    gone = memory.add("to be forgotten", scope=f"{tenant}/c").cube_id
    memory.erase(cube_id=gone)
    held = memory.add("evidence", scope=f"{tenant}/c").cube_id
    memory.freeze(held)
    memory.rollback(source="chat:1", scope=tenant)
    memory.update(cube, "from Norway", idempotency_key="k")
    return cube


def test_a_proof_holds_for_its_event_and_no_other(memory: Memory, tenant: str) -> None:
    receipts = [memory.add(f"memory {n}", scope=f"{tenant}/{n}") for n in range(12)]
    key = memory.verifier_key()
    proofs = [memory.prove(receipt.event_id) for receipt in receipts[::4]]
    assert all(proof.verify(key) for proof in proofs)
    assert [proof.event_id for proof in proofs] == [r.event_id for r in receipts[::4]]
    one, other = proofs[:2]
    for forged in (
        replace(one, record=other.record),
        replace(one, log_time=other.log_time),
        replace(one, position=one.position._replace(offset=one.position.offset + 1)),
        replace(one, position=one.position._replace(partition=one.position.partition + 1)),
        replace(one, checkpoint=replace(one.checkpoint, size=one.checkpoint.size + 1)),
        replace(one, checkpoint=replace(one.checkpoint, root="00" * 32)),
    ):
        assert not forged.verify(key)
    with pytest.raises(NotFound):
        memory.prove("00000000-0000-7000-8000-000000000000")


def test_a_later_checkpoint_holds_the_earlier_one(memory: Memory, tenant: str) -> None:
    partition = memory.add("first", scope=tenant).position.partition
    earlier = memory.checkpoint(partition)
    while memory.add("more", scope=tenant).position.partition != partition:
        pass
    proof = memory.prove_consistency(earlier, partition)
    key = memory.verifier_key()
    assert proof.checkpoint.size > earlier.size
    assert proof.verify(earlier.root, key)
    assert not proof.verify(proof.checkpoint.root, key)
    with pytest.raises(NotFound):
        memory.prove_consistency(10**9, partition)


def test_a_proof_outlives_the_erase_of_what_it_proves(memory: Memory, tenant: str) -> None:
    receipt = memory.add(TEXT, scope=tenant)
    proof = memory.prove(receipt.event_id)
    memory.erase(cube_id=receipt.cube_id)
    key = memory.verifier_key()
    assert proof.verify(key)
    assert memory.prove(receipt.event_id).verify(key)


def test_the_figures_count_what_is_there(memory: Memory, tenant: str) -> None:
    before = memory.stats()
    cube = memory.add("one", scope=f"{tenant}/a").cube_id
    memory.add("two", scope=f"{tenant}/b")
    memory.archive(cube)
    after = memory.stats()
    assert after.events - before.events == 3
    assert after.memories - before.memories == 2
    assert after.scopes - before.scopes == 2
    assert after.states["Archived"] - before.states.get("Archived", 0) == 1
    assert after.vault_id == before.vault_id


def test_verify_and_audit_find_nothing_in_a_sound_vault(memory: Memory, tenant: str) -> None:
    fill(memory, tenant)
    partition = memory.add("last", scope=tenant).position.partition
    memory.checkpoint(partition)
    for check in (memory.verify, memory.audit):
        found = check()
        assert found.problems == ()
        assert found.events >= 15
        assert found.cubes >= 6
    assert memory.verify().checkpoints >= 1


def encodings(words: Iterable[str]) -> set[bytes]:
    """The forms in which a word would be found that was not sealed."""
    found: set[bytes] = set()
    for word in words:
        for form in (word, word.lower(), word.upper()):
            found |= {form.encode(), form.encode("utf-16-le"), form.encode("utf-16-be")}
            found |= {form.encode().hex().encode(), base64.b64encode(form.encode())[:-4]}
    return {form for form in found if len(form) > 4}


def rows_of(fleet: Fleet) -> Iterator[bytes]:
    """Every value of every row of the vault's tables."""
    with closing(Stores(fleet.settings)) as stores:
        base = fleet.settings.cassandra.keyspace
        live = schema.keyspace_of(stores.cassandra, schema.live_generation(stores.cassandra))
        for keyspace in (base, live):
            cql = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
            for (table,) in stores.cassandra.execute(cql, (keyspace,)):
                for row in stores.cassandra.stream(f"SELECT * FROM {keyspace}.{table}"):
                    for value in row:
                        yield value if isinstance(value, bytes) else str(value).encode()


def files_of(fleet: Fleet, engines: LocalServers) -> Iterator[bytes]:
    """Every file in which Kafka or Cassandra keeps something of the vault. What the servers, or other tests
    beside this one, take away meanwhile is not there.
    """
    begun = fleet.path.stat().st_mtime
    names = (fleet.settings.kafka.prefix, fleet.settings.cassandra.keyspace)
    for server in ("kafka", "cassandra"):
        for directory, _, files in os.walk(engines.directory / server):
            for path in (Path(directory, name) for name in files):
                with suppress(FileNotFoundError):
                    ours = any(part.startswith(names) for part in path.parts)
                    recent = "commitlog" in path.parts and path.stat().st_mtime > begun
                    if ours or recent:
                        yield path.read_bytes()


@pytest.mark.engines
@pytest.mark.timeout(SECONDS)
def test_no_text_stands_in_clear_on_any_server(fleet: Fleet, engines: LocalServers) -> None:
    tenant = Place("distributed", fleet.path).tenant
    with Memory(fleet.path, actor=ADMINISTRATOR) as memory:
        receipt = memory.add(TEXT, scope=tenant, source=SOURCE, tags=[TAG], metadata={"k": META})
        memory.search("quokkas", scope=tenant)
        needles = encodings([*WORDS, TAG, META, SOURCE])
        for erased in (False, True):
            if erased:
                memory.erase(cube_id=receipt.cube_id)
            for value in rows_of(fleet):
                assert [needle for needle in needles if needle in value] == []
    plain = [form for word in WORDS for form in (word.encode(), word.lower().encode())]
    for data in files_of(fleet, engines):
        assert [needle for needle in plain if needle in data] == []
    # What is meant to be in clear is found: the search looks where things are.
    assert any(tenant.encode() in data for data in rows_of(fleet))
    assert any(tenant.encode() in data for data in files_of(fleet, engines))


@pytest.mark.engines
@pytest.mark.timeout(SECONDS)
def test_an_erase_takes_keys_and_index_rows_away(fleet: Fleet) -> None:
    tenant = Place("distributed", fleet.path).tenant
    with Memory(fleet.path, actor=ADMINISTRATOR) as memory:
        cube = memory.add(TEXT, scope=tenant, subject=f"ann-{tenant}").cube_id
        memory.update(cube, "another text")
        raw = id_bytes(cube)
        with closing(Stores(fleet.settings)) as stores:
            live = stores.live()
            assert stores.cube_keys.key(raw) is not None
            assert live.spans.count([raw], tenant).postings > 0
            memory.erase(subject=f"ann-{tenant}")
            stores.cube_keys.forget()
            assert stores.cube_keys.key(raw) is None
            assert live.spans.count([raw], tenant).postings == 0
            base = fleet.settings.cassandra.keyspace
            kept = stores.cassandra.execute(
                f"SELECT wrapped FROM {base}.cube_key WHERE cube_id = ?", (raw,)
            )
            assert kept == []


def tamper(place: Place, cube: str) -> None:
    """Change a head's bytes as no user of the API could."""
    raw = id_bytes(cube)
    if place.is_embedded:
        with apsw.Connection(str(place.path.parent / "team.vault" / "memos.db")) as database:
            database.execute("UPDATE head SET state = x'00' WHERE cube_id = ?", (raw,))
        return
    with closing(Stores(load_settings(place.path))) as stores:
        keyspace = schema.keyspace_of(stores.cassandra, schema.live_generation(stores.cassandra))
        stores.cassandra.execute(
            f"UPDATE {keyspace}.head USING TIMESTAMP 1000000 SET state = 0x00 WHERE cube_id = ?",
            (raw,),
        )


def test_a_tampered_head_is_found_and_a_rebuild_heals_it(
    place: Place, memory: Memory, tenant: str
) -> None:
    cube = fill(memory, tenant)
    before = memory.digest(), memory.usage_digest()
    tamper(place, cube)
    named = {problem.where for problem in memory.audit().problems}
    assert named == {f"cube {cube}"}
    rebuilt = memory.rebuild()
    assert (rebuilt.undecodable, rebuilt.unreadable) == ((), ())
    assert (rebuilt.digest, memory.digest(), memory.usage_digest()) == (before[0], *before)
    for check in (memory.audit, memory.verify):
        assert check().problems == ()
    # The workers follow into what was built: the vault goes on, for who had it open and who not.
    receipt = memory.add("after the rebuild", scope=tenant)
    assert texts(memory.search("rebuild", scope=tenant)) == ["after the rebuild"]
    other = place.open("agent:bob")
    assert read(other, receipt.cube_id).text == "after the rebuild"
    assert read(other, cube).text == "from Norway"
    assert memory.prove(receipt.event_id).verify(memory.verifier_key())
    assert memory.rebuild().digest == memory.digest()


def test_an_erase_behind_a_rebuild_leaves_nothing(memory: Memory, tenant: str) -> None:
    """Also not in the projections that the rebuild replaced."""
    scope = f"{tenant}/rebuilt"
    cube = memory.add("Wombats dig burrows.", scope=scope).cube_id
    read(memory, cube)
    memory.rebuild()
    after = memory.add("Wombats graze.", scope=scope).cube_id
    for erased in (cube, after):
        receipt = memory.erase(cube_id=erased)
        assert (receipt.gone, receipt.left) == (True, ())
        assert isinstance(memory.get(erased), Forgotten)
    assert not list(memory.search("wombats", scope=scope))


def test_a_memory_whose_key_is_lost_is_told_from_one_that_was_erased(place: Place) -> None:
    tenant = place.tenant
    with place.open() as memory:
        kept, gone, lost = (
            memory.add(f"pottery {name}", scope=f"{tenant}/{name}").cube_id
            for name in ("kept", "gone", "lost")
        )
        memory.erase(cube_id=gone)
        before = memory.verify().keys_missing
    lose_key(place, lost)
    with place.open() as memory:
        with pytest.raises(KeysMissing, match="nobody erased"):
            memory.get(lost)
        assert isinstance(memory.get(gone), Forgotten)
        hits = memory.search("pottery", scope=tenant)
        assert [hit.cube_id for hit in hits] == [kept]
        assert list(hits.explain["damaged"]) == [lost]
        (change,) = memory.history(lost)
        assert isinstance(change, DamagedChange)
        assert "nobody erased" in change.damaged
        verification = memory.verify()
        assert verification.keys_missing == before + 1
        assert f"cube {lost}" in [problem.where for problem in verification.problems]
        found = [f.what for f in doctor(place.path) if f.severity == "error"]
        assert f"the keys of {before + 1} memories are missing, though nobody erased them" in found
        memory.erase(cube_id=lost)
        assert isinstance(memory.get(lost), Forgotten)
        assert memory.verify().keys_missing == before


def lose_key(place: Place, cube_id: str) -> None:
    """Take away the key of a memory, as a store does that comes back from too old a backup."""
    if place.is_embedded:
        path = place.path.with_name("team.vault") / "memos.db"
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("DELETE FROM cube_key WHERE cube_id = ?", (id_bytes(cube_id),))
        return
    with closing(Stores(load_settings(place.path))) as stores:
        stores.cube_keys.destroy([id_bytes(cube_id)])
