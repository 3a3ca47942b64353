"""Whoever can write to the log writes anything into it: that concerns their own memories alone.

Every field of every kind of event and of a body is given hostile values, past every check of a door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memos import Forgotten, MemCube, Memory, MemosError, Unreadable
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.distributed.engine import DistributedEngine
from memos.infrastructure.engine.embedded.engine import EmbeddedEngine
from memos.infrastructure.log.kafka.settings import event_key
from memos.infrastructure.servers import LocalServers
from memos.kernel.event import DETAILS, Kind, Undecodable, decode, id_bytes
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event
from tests.fleet import Fleet
from tests.hostile_events import base_event, hostile_bodies, mutations, sealed, sealed_noise
from tests.scenarios.conftest import LONG_ON_SERVERS
from tests.scenarios.place import ADMINISTRATOR, Place

MALLORY = "agent:mallory"
READ_ONE_OF = 7
HELD = frozenset({Kind.FROZEN, Kind.ERASE_REQUESTED})
"""What keeps a memory from being erased until it is undone, by whoever writes it."""

Make = Callable[[dict[str, bytes], str, bytes], Event]
"""An event on a cube: from ids, the cube's scope and its key."""


@pytest.fixture(params=LONG_ON_SERVERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A vault of its own: what is written into it is not for other tests."""
    fleet: Fleet | None = None
    if request.param == "embedded":
        path = tmp_path / "vault"
    else:
        engines: LocalServers = request.getfixturevalue("engines")
        fleet = Fleet(tmp_path, engines)
        path = fleet.path
        fleet.make(ADMINISTRATOR)
        fleet.start_all()
    made = Place(request.param, path)
    try:
        yield made
    finally:
        made.close()
        if fleet is not None:
            fleet.remove()


def cases() -> Iterator[tuple[str, Kind, Make]]:
    """Every hostile event, by name."""
    ids = {name: bytes([number]) * 16 for number, name in enumerate(("cube", "operation", "other"))}
    for kind in Kind:
        base = base_event(kind, ids, "tenant/x", 1)
        for told, _ in mutations(base):
            field = told.partition("=")[0].partition(".")[0]
            if kind is Kind.LINKED or field == DETAILS[kind]:
                yield f"{kind.title}: {told}", kind, _mutated(kind, told)
    for told, body in hostile_bodies():
        yield (
            f"Revised: {told}",
            Kind.REVISED,
            _with_body(partial(_seal, body)),
        )
    yield "Revised: noise", Kind.REVISED, _with_body(sealed_noise)


def _seal(body: Body, event: Event, key: bytes) -> Event:
    return sealed(event, key, body)


def _mutated(kind: Kind, wanted: str) -> Make:
    def make(ids: dict[str, bytes], scope: str, key: bytes) -> Event:
        base = base_event(kind, ids, scope, 1)
        base.event_id = ids["event"]
        event = next(event for told, event in mutations(base) if told == wanted)
        assert isinstance(event, Event)
        return event

    return make


def _with_body(seal: Callable[[Event, bytes], Event]) -> Make:
    def make(ids: dict[str, bytes], scope: str, key: bytes) -> Event:
        event = base_event(Kind.REVISED, ids, scope, 1)
        event.event_id = ids["event"]
        return seal(event, key)

    return make


def append(memory: Memory, events: list[Event]) -> None:
    """Put events into the log as they are, as who holds its credentials can."""
    engine = memory._session.engine
    if isinstance(engine, DistributedEngine):
        entries = [(event_key(e.tenant, e.cube_id), e.SerializeToString()) for e in events]
        records = engine.stores.logs.events.append(entries)
        for position in {record.position.partition: record.position for record in records}.values():
            memory.wait_for(position, seconds=120)
        return
    assert isinstance(engine, EmbeddedEngine)

    def work() -> None:
        for event in events:
            data = event.SerializeToString()
            try:
                engine.transaction.append(Draft(decode(data)))
            except Undecodable:
                engine.stores.log.add(data)

    engine.stores.database.write(work)


def observed(memory: Memory, scope: str, ids: Mapping[str, str]) -> dict[str, Any]:
    """What every door says of innocent memories."""
    searched = memory.search("innocent", scope=scope, k=50)
    told: dict[str, Any] = {
        "search": [(hit.cube_id, hit.text, hit.metadata, hit.score) for hit in searched],
        "context": memory.context("innocent", scope=scope).text,
        "tags": memory.tags(scope),
        "route": memory.route("innocent", scope=scope).steps,
        "vocabulary": memory.vocabulary(scope).tags,
        "related": memory.related(ids["first"], scope=scope),
    }
    for name, cube_id in ids.items():
        cube = memory.get(cube_id)
        assert isinstance(cube, MemCube)
        told[name] = (
            cube.text,
            cube.tags,
            cube.metadata,
            cube.valid_from,
            cube.state,
            cube.version,
        )
        told[f"{name} history"] = [(c.entry.kind, c.text) for c in memory.history(cube_id)]
        told[f"{name} before"] = memory.lineage(cube_id, direction="upstream").edges
        told[f"{name} events"] = [e.kind for e in memory.events(cube_id=cube_id)]
    return told


def typed(call: Callable[[], object], faults: list[str], what: str) -> object:
    """What a door gives, or the error of MemOS that it raises; anything else is a fault."""
    try:
        return call()
    except MemosError as error:
        return error
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
        faults.append(f"{what}: {type(error).__name__}: {str(error)[:100]}")
        return error


def test_a_hostile_event_concerns_its_own_memory_alone(place: Place, tmp_path: Path) -> None:
    memory = place.open()
    tenant = place.tenant
    good, bad, held = f"{tenant}/good", f"{tenant}/bad", f"{tenant}/held"
    add = memory.add
    first = add("an innocent pot", scope=good, tags=["craft"], metadata={"a": 1}, source="web:b")
    second = add("an innocent lake", scope=good, valid_from="2023-01-01", source="web:b")
    ids = {
        "first": first.cube_id,
        "second": second.cube_id,
        "third": add("innocent both", scope=good, derived_from=[first.cube_id]).cube_id,
    }
    memory.set_vocabulary(good, ["craft", "home"])
    source = add("named by many", scope=f"{tenant}/source").cube_id
    # Under another tenant's key a record stands in another partition, whose worker folds its cubes
    # alone: one cube folded by two is a head that tells itself damaged, until a rebuild.
    made = [case for case in cases() if place.is_embedded or ": tenant=" not in case[0]]
    victims = memory.add_many(
        [{"text": "pottery", "scope": held if kind in HELD else bad} for _, kind, _ in made]
    )
    before = observed(memory, good, ids)
    events = []
    with memory._session.engine.read() as reader:
        for (_, kind, make), victim in zip(made, victims, strict=True):
            raw = id_bytes(victim.cube_id)
            own = {
                "cube": raw,
                "other": id_bytes(source),
                "event": memory._session.new_id(),
                "operation": memory._session.new_id(),
            }
            key = reader.cube_key(raw)
            assert key is not None
            events.append(make(own, held if kind in HELD else bad, key))
    append(memory, events)

    faults: list[str] = []
    damaged = 0
    for number, ((what, kind, _), victim) in enumerate(zip(made, victims, strict=True)):
        # All are folded and indexed on both engines; they are read by the same code.
        if not (place.is_embedded or kind is Kind.REVISED or number % READ_ONE_OF == 0):
            continue
        cube_id = victim.cube_id
        read = typed(partial(memory.get, cube_id), faults, f"get {what}")
        damaged += isinstance(read, Unreadable)
        typed(partial(memory.history, cube_id), faults, f"history {what}")
        typed(partial(memory.lineage, cube_id), faults, f"lineage {what}")
        if place.is_embedded:
            for name, call in rest_of_doors(memory, cube_id).items():
                typed(call, faults, f"{name} {what}")
    assert not faults, "\n".join(faults)
    assert damaged > 20, "values of bodies are damaged, each on its own memory"
    assert observed(memory, good, ids) == before
    place.close()
    memory = place.open()
    whole = {
        "search": lambda: memory.search("pottery", scope=tenant, k=1000, states=["Generated"]),
        "every": lambda: memory.search("", scope=tenant, k=1000),
        "context": lambda: memory.context("pottery", scope=tenant, k=1000),
        "tags": lambda: memory.tags(tenant),
        "route": lambda: memory.route("pottery", scope=tenant, k=1000),
        "lineage": lambda: memory.lineage(source),
        "related": lambda: memory.related(source),
        "events": lambda: list(memory.events()),
        "stats": memory.stats,
        "cuts": memory.cuts,
        "digest": memory.digest,
        "verify": memory.verify,
        "export": lambda: [
            memory.export(tmp_path / name, scope=f"{tenant}/{name}") for name in ("good", "bad")
        ],
        "sweep": memory.sweep,
        "rollback": lambda: memory.rollback(actor=MALLORY, scope=tenant),
    }
    for name, call in whole.items():
        result = typed(call, faults, name)
        assert not isinstance(result, (MemosError, Exception)), f"{name}: {result}"
    assert not faults, "\n".join(faults)
    assert observed(memory, good, ids) == before
    assert memory.lineage(source).depth
    receipt = memory.erase(scope=bad)
    assert receipt.gone
    assert isinstance(memory.get(victims[-1].cube_id), Forgotten)
    memory.erase(cube_id=source)
    assert observed(memory, good, ids) == before
    live = memory.digest()
    assert memory.rebuild().digest == live
    place.close()
    again = place.open()
    assert again.digest() == live
    assert observed(again, good, ids) == before


def rest_of_doors(memory: Memory, cube_id: str) -> dict[str, Callable[[], object]]:
    """What else can be asked of a memory."""
    return {
        "version": lambda: memory.get(cube_id, version=1),
        "any state": lambda: memory.get(cube_id, any_state=True),
        "valid": lambda: memory.get(cube_id, valid_at="2024-01-01"),
        "diff": lambda: memory.diff(cube_id, 1, 2),
        "related": lambda: memory.related(cube_id),
        "events": lambda: list(memory.events(cube_id=cube_id)),
        "plan": lambda: memory.rollback(cube_id, to_version=1, dry_run=True),
        "append": lambda: memory.update(cube_id, "more", mode="append", reason="a try"),
    }


def test_a_damaged_memory_is_named_where_it_is_met(place: Place, tmp_path: Path) -> None:
    memory = place.open()
    scope = f"{place.tenant}/a"
    cube_id = memory.add("pottery", scope=scope).cube_id
    memory.add("another pot", scope=scope)
    raw = id_bytes(cube_id)
    with memory._session.engine.read() as reader:
        key = reader.cube_key(raw)
    assert key is not None
    (body,) = (body for told, body in hostile_bodies() if told == "body.metadata.json=b'[1]'")
    ids = {"cube": raw, "operation": memory._session.new_id()}
    event = base_event(Kind.REVISED, ids, scope, 1)
    event.event_id = memory._session.new_id()
    append(memory, [sealed(event, key, body)])
    with pytest.raises(Unreadable, match="no JSON object"):
        memory.get(cube_id)
    assert [hit.text for hit in memory.search("pot pottery", scope=scope)] == ["another pot"]
    changes = memory.history(cube_id)
    assert [change.text for change in changes] == ["pottery", None]
    assert "no JSON object" in changes[1].damaged  # type: ignore[attr-defined]
    memory.export(tmp_path / "part", scope=scope)
    assert "no JSON object" in (tmp_path / "part" / "memories.jsonl").read_text()
    memory.rollback(cube_id, to_version=1)
    cube = memory.get(cube_id)
    assert isinstance(cube, MemCube)
    assert cube.text == "pottery"
    assert [hit.text for hit in memory.search("pottery", scope=scope)] == ["pottery"]
    assert memory.erase(cube_id=cube_id).gone
