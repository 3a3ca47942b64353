"""What is made of memories: it shares their fate, and nothing is made of what was erased."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memos import Denied, Forgotten, InvalidInput, Memory, NotFound, SourceErased
from memos.infrastructure.engine.distributed.writer import DistributedWriter
from memos.operation.commands.destroy import finish_late_erases
from tests.scenarios.place import Place, read, texts
from tests.waiting import wait_until


def test_nothing_is_made_of_what_was_erased(place: Place, memory: Memory, tenant: str) -> None:
    erased = memory.add("Ann has the flu", scope=tenant).cube_id
    kept = memory.add("Bob is well", scope=tenant).cube_id
    memory.erase(cube_id=erased)
    events = len(list(memory.events()))
    for derive in (
        lambda: memory.add("A patient is ill", scope=tenant, derived_from=[erased]),
        lambda: memory.add_many(
            [
                {"text": "Bob", "scope": tenant},
                {"text": "ill", "scope": tenant, "derived_from": [kept, erased]},
            ]
        ),
        lambda: memory.merge([kept, erased]),
        lambda: memory.link(kept, erased, "derived_from"),
        lambda: memory.link(kept, erased, "same_text_as"),
    ):
        with pytest.raises(SourceErased, match="nothing was written") as refused:
            derive()
        assert refused.value.cube_ids == (erased,)
    assert len(list(memory.events())) == events
    assert read(memory, kept).text == "Bob is well"
    outsider = place.open("agent:eve", tenant=f"{tenant}x")
    with pytest.raises(NotFound):
        outsider.add("ill", scope=f"{tenant}x", derived_from=[erased])


def test_an_extraction_leaves_out_what_is_erased_while_it_reads(
    place: Place, memory: Memory, tenant: str
) -> None:
    first = memory.add("Ann has the flu", scope=tenant).cube_id
    memory.add("Bob has a cold", scope=tenant)
    other = place.open()

    def slow(text: str) -> list[str]:
        if "Ann" in text:
            other.erase(cube_id=first)
        return [f"somebody is ill: {text}"]

    report = memory.extract_facts(tenant, slow, name="slow")
    assert (report.read, report.added) == (2, 1)
    found = texts(memory.search("ill", scope=tenant, facts=True, k=5))
    assert found == ["somebody is ill: Bob has a cold"]


def test_who_only_says_the_same_shares_no_subject(memory: Memory, tenant: str) -> None:
    anns = memory.add("I like tea", scope=tenant, subject=f"ann of {tenant}").cube_id
    bobs = memory.add("I like tea", scope=tenant, subject=f"bob of {tenant}").cube_id
    newer = memory.add("I like green tea", scope=tenant, subject=f"bob of {tenant}").cube_id
    memory.link(bobs, anns, "same_text_as")
    memory.link(newer, anns, "supersedes")
    receipt = memory.erase(subject=f"ann of {tenant}")
    assert receipt.cube_ids == (anns,)
    assert read(memory, bobs).text == "I like tea"
    assert read(memory, newer).text == "I like green tea"
    assert isinstance(memory.get(anns), Forgotten)


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers that look at their sources just before these are erased, as it seems to them."""
    monkeypatch.setattr("memos.operation.commands.sources.is_erased", lambda state: False)
    monkeypatch.setattr(DistributedWriter, "_check_sources", lambda writer, drafts: None)


@pytest.mark.usefixtures("unseen")
def test_what_is_made_of_an_erased_memory_is_never_read_and_is_erased(
    place: Place, memory: Memory, tenant: str
) -> None:
    source = memory.add("Ann has the flu", scope=tenant).cube_id
    erased = memory.erase(cube_id=source)
    assert (erased.gone, erased.supplements) == (True, ())
    assert "read up to" in {artefact.kind for artefact in erased.artefacts}
    if place.is_embedded:
        with pytest.raises(SourceErased):
            memory.add("A patient is ill", scope=tenant, derived_from=[source])
        return
    late = memory.add("A patient is ill", scope=tenant, derived_from=[source]).cube_id
    assert isinstance(memory.get(late), Forgotten)
    assert memory.history(late)[0].text is None
    assert memory.search("patient", scope=tenant) == []
    assert memory.tags(tenant) == {}

    def is_erased() -> bool:
        finish_late_erases(memory._session)
        return list(memory.events(cube_id=late))[-1].kind == "Erased"

    wait_until(is_erased, "the late memory is erased")


@pytest.mark.usefixtures("unseen")
def test_a_memory_made_while_its_source_is_being_erased_goes_with_it(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = memory.add("Ann has the flu", scope=tenant, subject=f"ann of {tenant}").cube_id
    keys = memory._session.engine.keys
    made: list[str] = []
    destroy = keys.destroy

    def derive_first(*given: Any) -> int:
        if not made and not place.is_embedded:
            late = memory.add(
                "ill", scope=tenant, subject=f"bob of {tenant}", derived_from=[source]
            ).cube_id
            made.append(late)
            made.append(memory.add("again", scope=tenant, derived_from=[late]).cube_id)
        return destroy(*given)

    monkeypatch.setattr(keys, "destroy", derive_first)
    receipt = memory.erase(cube_id=source)
    verifier = memory.verifier_key()
    gone = [*receipt.cube_ids]
    waiting = list(receipt.supplements)
    while waiting:
        supplement = waiting.pop()
        assert supplement.verify(verifier)
        assert "supplement to" in {artefact.kind for artefact in supplement.artefacts}
        gone += supplement.cube_ids
        waiting += supplement.supplements
    assert receipt.verify(verifier)
    assert sorted(gone) == sorted([source, *made])
    assert receipt.gone
    for cube_id in made:
        assert isinstance(memory.get(cube_id), Forgotten)
    assert memory.search("ill again", scope=tenant) == []


ALICE, BOB, CAROL = "agent:alice", "agent:bob", "agent:carol"


def test_what_is_made_of_memories_begins_as_strict_as_the_strictest(
    memory: Memory, tenant: str
) -> None:
    memory.set_sensitivities(tenant, ["public", "secret"])
    first = memory.add(
        "one", scope=tenant, readers=[BOB, CAROL], sensitivity="public", subject=f"ann of {tenant}"
    ).cube_id
    second = memory.add(
        "two",
        scope=tenant,
        readers=[BOB],
        writers=[ALICE],
        sensitivity="secret",
        lifespan={"after": "30d", "then": "erase"},
    ).cube_id
    third = memory.add("three", scope=tenant, lifespan={"after": "10d", "then": "archive"}).cube_id
    ends = read(memory, third).lifespan
    assert ends is not None
    made = [
        memory.add("derived", scope=tenant, derived_from=[first, second, third]).cube_id,
        memory.add_many(
            [{"text": "of many", "scope": tenant, "derived_from": [first, second, third]}]
        )[0].cube_id,
        memory.add("linked", scope=tenant).cube_id,
    ]
    for source in (first, second, third):
        memory.link(made[-1], source, "quoted_from")
    made.append(memory.merge([first, second, third]).cube_id)
    for cube_id in made:
        cube = read(memory, cube_id)
        assert (cube.readers, cube.writers, cube.sensitivity) == ((BOB,), (ALICE,), "secret")
        assert cube.lifespan is not None
        assert cube.lifespan.since + cube.lifespan.after == ends.since + ends.after
        assert cube.lifespan.then.name == "ERASE"
    assert set(memory.erase(subject=f"ann of {tenant}").cube_ids) == {first, *made}


def test_who_may_not_write_a_source_may_not_write_what_is_made_of_it(
    place: Place, memory: Memory, tenant: str
) -> None:
    closed = memory.add("one", scope=tenant, readers=[BOB, CAROL]).cube_id
    carols = memory.add("two", scope=tenant, writers=[CAROL]).cube_id
    bob, carol = place.open(BOB), place.open(CAROL)
    both = [closed, carols]
    made = [
        closed,
        memory.add("both", scope=tenant, derived_from=both).cube_id,
        bob.add("mine", scope=tenant, derived_from=[closed]).cube_id,
    ]
    with pytest.raises(Denied, match="sources allow"):
        bob.set_header(made[-1], writers=[CAROL])
    carol.update(carols, "Carol's")

    def check_closed(cube: str) -> None:
        with pytest.raises(Denied, match="writers"):
            carol.update(cube, "Carol's")

    for cube in made:
        check_closed(cube)
    check_closed(memory.merge(both).cube_id)


def test_what_is_made_is_of_the_version_that_was_read(
    place: Place, memory: Memory, tenant: str
) -> None:
    read_id = place.open("agent:eve").add("The code is 4711.", scope=tenant).cube_id
    memory.update(read_id, "There is no code.")
    former = memory.add("It is 4711.", scope=tenant, derived_from=[f"{read_id}@1"]).cube_id
    newer = memory.add("There is none.", scope=tenant, derived_from=[read_id]).cube_id
    for made, version in ((former, 1), (newer, 2)):
        (edge,) = memory.lineage(made).edges
        assert edge.source == (read_id, version)
    memory.rollback(actor="agent:eve")
    assert read(memory, former, any_state=True).state == "Archived"
    assert read(memory, newer).text == "There is none."
    entries = len(list(memory.events()))
    for named in ("", "0", "x", "-1", "01", "1@1", "@1", "99", str(10**17), str(2**70)):
        with pytest.raises(InvalidInput, match=r"version|id"):
            memory.add("x", scope=tenant, derived_from=[f"{read_id}@{named}"])
    with pytest.raises(InvalidInput, match="at two versions"):
        memory.add("x", scope=tenant, derived_from=[read_id, f"{read_id}@1"])
    assert len(list(memory.events())) == entries


def test_nobody_in_common_leaves_the_owner_alone(place: Place, memory: Memory, tenant: str) -> None:
    sources = [memory.add(who, scope=tenant, readers=[who]).cube_id for who in (BOB, CAROL)]
    made = memory.merge(sources).cube_id
    assert read(memory, made).readers == (ALICE,)
    for reader in (BOB, CAROL):
        with pytest.raises(Denied):
            place.open(reader).get(made)


def test_an_extracted_fact_is_as_strict_as_its_memory(memory: Memory, tenant: str) -> None:
    memory.add("Ann has the flu", scope=tenant, readers=[BOB], sensitivity="medical")
    report = memory.extract_facts(tenant, lambda text: [f"told: {text}"], name="told")
    (fact,) = (read(memory, cube_id) for cube_id in report.cube_ids)
    assert (fact.readers, fact.sensitivity) == ((BOB,), "medical")


def test_loosening_what_was_made_is_for_who_administers_every_source(
    place: Place, memory: Memory, tenant: str
) -> None:
    bob = place.open(BOB)
    secret = memory.add(
        "one", scope=tenant, readers=[BOB], sensitivity="secret", lifespan="30d"
    ).cube_id
    bobs = bob.add("two", scope=tenant).cube_id
    made = bob.add("both", scope=tenant, derived_from=[secret, bobs]).cube_id
    attempts: list[Callable[[], object]] = [
        lambda: bob.set_header(made, readers=[]),
        lambda: bob.set_header(made, readers=[BOB, CAROL]),
        lambda: bob.set_header(made, writers=[CAROL]),
        lambda: bob.set_header(made, owner=CAROL),
        lambda: bob.set_header(made, sensitivity=""),
        lambda: bob.set_lifespan(made),
        lambda: bob.set_lifespan(made, after="90d"),
        lambda: bob.set_header(
            bob.add("again", scope=tenant, derived_from=[made]).cube_id, readers=[]
        ),
        lambda: bob.add("carol's", scope=tenant, owner=CAROL, derived_from=[made]),
    ]
    for loosen in attempts:
        with pytest.raises(Denied, match=r"sources allow|made of"):
            loosen()
    before = read(memory, made)
    assert (before.readers, before.sensitivity) == ((ALICE,), "secret")
    bob.set_header(made, readers=[BOB], priority=3)
    bob.set_lifespan(made, after="10d", then="erase")
    bob.set_lifespan(made, after="10d")  # its sources only archive
    memory.set_header(made, readers=[CAROL], sensitivity="")
    assert read(place.open(CAROL), made).text == "both"
    # What its sources allow by now is nobody's loss.
    memory.set_header(secret, readers=[], sensitivity="")
    bob.set_header(made, readers=[])


def test_a_rollback_loosens_nothing_that_the_sources_restrict(
    place: Place, memory: Memory, tenant: str
) -> None:
    bob = place.open(BOB)
    secret = memory.add("one", scope=tenant, readers=[BOB]).cube_id
    made = bob.add("mine", scope=tenant).cube_id
    bob.link(made, secret, "derived_from")
    assert read(bob, made).readers == (ALICE,)
    with pytest.raises(Denied):
        bob.rollback(made, to_version=1)
    assert read(bob, made).readers == (ALICE,)
    memory.rollback(made, to_version=1)
    assert read(bob, made).readers == ()


@pytest.mark.parametrize("then", ["archive", "expire", "erase"])
def test_a_freeze_keeps_nothing_beyond_the_end_of_its_sources(
    place: Place, memory: Memory, then: str
) -> None:
    tenant, al, eve = place.tenant, place.open("agent:al"), place.open("agent:eve")
    ending = al.add("for a while", scope=tenant, lifespan={"after": "1d", "then": then}).cube_id
    lasting = al.add("for ever", scope=tenant).cube_id
    derived = eve.add("of both", scope=tenant, derived_from=[ending, lasting]).cube_id
    further = eve.add("of that", scope=tenant, derived_from=[derived]).cube_id
    for cube in (derived, further):
        with pytest.raises(Denied, match="beyond what its sources allow"):
            eve.freeze(cube)
    own = eve.add("her own", scope=tenant, lifespan={"after": "1d", "then": then}).cube_id
    free = eve.add("of what lasts", scope=tenant, derived_from=[lasting]).cube_id
    for cube in (own, free):
        eve.freeze(cube)
    memory.freeze(derived)
    memory.thaw(derived)
    memory.hold(further)
    al.set_lifespan(ending)  # what every source allows by now, the owner may allow
    eve.freeze(derived)
    assert read(eve, derived).state == "Frozen"


def test_an_earlier_fact_that_may_not_be_archived_is_told_and_stops_no_extraction(
    place: Place, memory: Memory, tenant: str
) -> None:
    eve = place.open("agent:eve")
    first, second, third = (
        memory.add(f"{name}'s tutor is Leo.", scope=tenant).cube_id
        for name in ("Ana", "Ben", "Cem")
    )
    closed, frozen, free = eve.extract_facts(tenant).cube_ids
    memory.set_header(closed, owner="agent:alice", writers=["agent:alice"])
    memory.freeze(frozen)
    for cube, name in ((first, "Ana"), (second, "Ben"), (third, "Cem")):
        memory.update(cube, f"{name}'s tutor is Mia.")
    report = eve.extract_facts(tenant)
    assert (report.read, report.added, report.archived, report.left) == (3, 3, 1, 0)
    assert set(report.kept) == {closed, frozen}
    assert read(memory, free, any_state=True).state == "Archived"
    assert read(memory, closed).state == "Generated"
    assert eve.extract_facts(tenant).read == 0


def test_a_fact_is_of_the_version_that_was_read_and_of_none_that_came_meanwhile(
    place: Place, memory: Memory, tenant: str
) -> None:
    cube = memory.add("Ann lives in Rome", scope=tenant).cube_id
    place.open("agent:eve").update(cube, "Ann lives in Mars")
    ann = place.open("agent:ann")

    def slow(text: str) -> list[str]:
        if "Mars" in text:
            ann.update(cube, "Ann lives in Oslo")
        return [f"fact: {text}"]

    report = memory.extract_facts(tenant, slow)
    assert (report.read, report.added, report.left) == (0, 0, 1)
    assert memory.search("fact", scope=tenant, facts=True) == []
    again = memory.extract_facts(tenant, slow)
    assert (again.read, again.added, again.left) == (1, 1, 0)
    (edge,) = memory.lineage(cube).edges
    assert edge.source == (cube, 3)
    memory.rollback(actor="agent:eve")
    assert texts(memory.search("fact", scope=tenant, facts=True)) == ["fact: Ann lives in Oslo"]
