"""Exports of a stranger with a vault and a key of his own: taken whole and readable, or not at all."""

from __future__ import annotations

import shutil
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from memos import Memory, NotFound, Refused
from memos.infrastructure.engine.dump import EventLine
from memos.infrastructure.keys.envelope import new_key, seal_body
from memos.infrastructure.transfer import layout
from memos.kernel.event import DETAILS
from memos.kernel.foreign import objection
from memos.wire.event_pb2 import Event
from tests.hostile_events import hostile_bodies, mutations
from tests.infrastructure.transfer.forged_export import (
    Lines,
    change_manifest,
    read_lines,
    sign_again,
    write_lines,
)
from tests.interface.transfer.support import fill
from tests.opened import stores_of


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export in which every kind of event that a door writes stands."""
    place = tmp_path_factory.mktemp("stranger")
    with Memory(place / "first.vault", actor="agent:mallory") as memory:
        ids = fill(memory)
        memory.set_lifespan(ids["merged"], "90d")
        memory.tag(ids["merged"], "more")
        memory.freeze(ids["moved"])
        memory.thaw(ids["moved"])
        memory.link(ids["moved"], ids["merged"], "supersedes")
        memory.rollback(ids["merged"], to_version=1)
        memory.export(place / "out")
    return place / "out"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with memories that have nothing to do with the export."""
    path = tmp_path_factory.mktemp("template") / "target.vault"
    with Memory(path, actor="agent:alice") as memory:
        memory.add("an innocent pot", scope="acme/innocent", tags=["craft"], metadata={"a": 1})
        memory.add("another tenant's", scope="rival/notes")
    return path


@pytest.fixture
def target(template: Path, tmp_path: Path) -> Iterator[Memory]:
    shutil.copytree(template, tmp_path / "target.vault")
    with Memory(tmp_path / "target.vault", actor="agent:alice") as memory:
        yield memory


def hostile_lines(export: Path) -> Iterator[tuple[str, int, Event]]:
    """Every event that is changed in one field: what it is called, its line, and what it is then.

    The envelope is walked on the first event, the detail on the first of each kind, the body on the
    first that makes a memory.
    """
    keys = {
        line["cube_id"]: b64decode(line["key"]) for line in read_lines(export / layout.CUBE_KEYS)
    }
    seen: set[int] = set()
    for number, line in enumerate(read_lines(export / layout.EVENTS)):
        event = Event.FromString(b64decode(line["data"]))
        if event.kind in seen:
            continue
        for told, changed in mutations(event):
            assert isinstance(changed, Event)
            if not seen or told.startswith((DETAILS[event.kind], "edges")):
                yield f"{line['kind']}: {told}", number, changed
        if not seen:
            for told, body in hostile_bodies():
                changed = Event()
                changed.CopyFrom(event)
                seal_body(keys[line["cube_id"]], changed, body)
                yield told, number, changed
        seen.add(event.kind)


def forge(export: Path, path: Path, number: int, event: Event) -> Path:
    """The export with one event changed, and all that vouches for it made anew."""
    shutil.copytree(export, path)
    lines = read_lines(path / layout.EVENTS)
    line = lines[number]
    line["data"] = b64encode(event.SerializeToString()).decode()
    shown = layout.event_entry(
        EventLine(
            int(line["position"].partition(":")[2]),
            line["log_time"],
            line["sequence"],
            event.SerializeToString(),
            None,
        )
    )
    lines[number] = {**line, **shown}
    write_lines(path / layout.EVENTS, lines)
    sign_again(path)
    return path


def kept(memory: Memory) -> dict[str, Any]:
    """What a load that is refused must leave as it was."""
    stores = stores_of(memory)
    found = [hit.text for hit in memory.search("innocent", scope="acme/innocent")]
    return {
        "search": found,
        "events": memory.stats().events,  # and the access log is written, under a key of today
        "digest": memory.digest(),
        "rings": {tenant: stores.keys.ring(tenant) for tenant in stores.keys.tenants()},
        "subjects": sorted(stores.keys.subjects()),
    }


def cubes_of(memory: Memory) -> set[str]:
    return {entry.cube_id for entry in memory.events(scope="acme/alice")}


def harm_of(memory: Memory, folder: Path) -> list[str]:
    """What goes wrong in a vault that took a hostile value: nothing may."""
    faults = []

    def verified() -> None:
        problems = memory.verify().problems
        assert not problems, problems[0]

    doors: dict[str, Callable[[], object]] = {
        "verify": verified,
        "search": lambda: memory.search("pottery", scope="acme", k=100, states=["Generated"]),
        "context": lambda: memory.context("pottery", scope="acme"),
        "tags": lambda: memory.tags("acme"),
        "route": lambda: memory.route("pottery", scope="acme"),
        "lineage": lambda: [memory.lineage(cube_id) for cube_id in cubes_of(memory)],
        "history": lambda: [memory.history(cube_id) for cube_id in cubes_of(memory)],
        "stats": memory.stats,
        "export": lambda: memory.export(folder, scope="acme"),
        "rollback": lambda: memory.rollback(actor="agent:mallory"),
        "erase": lambda: memory.erase(scope="acme/alice"),
        "rebuild": memory.rebuild,
    }
    for name, door in doors.items():
        try:
            door()
        except NotFound:
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
            faults.append(f"{name}: {type(error).__name__}: {str(error)[:100]}")
    return faults


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_export_with_a_hostile_value_is_refused_whole_or_does_no_harm(
    export: Path, template: Path, tmp_path: Path
) -> None:
    faults, refused, taken = [], 0, []
    refusals = cycle([True, *[False] * 9])
    for what, number, event in hostile_lines(export):
        if objection(event) and not next(refusals):
            continue  # all of them are refused at one place
        forged = forge(export, tmp_path / "forged", number, event)
        shutil.copytree(template, tmp_path / "target.vault")
        with Memory(tmp_path / "target.vault", actor="agent:alice") as memory:
            before = kept(memory)
            try:
                memory.import_export(forged)
            except Refused:
                refused += 1
                if kept(memory) != before:
                    faults.append(f"{what}: refused, and something is left of it")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
                faults.append(f"{what}: {type(error).__name__}: {error}")
            else:
                taken.append(what)
                if kept(memory)["search"] != before["search"]:
                    faults.append(f"{what}: an innocent memory is not found")
                faults += [f"{what}: {fault}" for fault in harm_of(memory, tmp_path / "again")]
        for made in ("forged", "target.vault", "again"):
            shutil.rmtree(tmp_path / made, ignore_errors=True)
    assert not faults, "\n".join(faults)
    assert refused > 50
    passed_over = ("CutNamed", "Granted", "Revoked", "Configured")  # they mean nothing here
    assert not [what for what in taken if "relation" in what and not what.startswith(passed_over)]


def test_a_load_that_is_refused_leaves_no_key(export: Path, target: Memory, tmp_path: Path) -> None:
    before = kept(target)
    lines = read_lines(export / layout.EVENTS)
    event = Event.FromString(b64decode(lines[-1]["data"]))
    event.operation_id = b"none"
    with pytest.raises(Refused, match="operation_id"):
        target.import_export(forge(export, tmp_path / "forged", len(lines) - 1, event))
    assert kept(target) == before


def test_keys_join_only_with_memories_of_their_tenant(
    export: Path, target: Memory, tmp_path: Path
) -> None:
    shutil.copytree(export, tmp_path / "forged")
    path = tmp_path / "forged" / layout.TENANT_KEYS
    keys: Lines = read_lines(path)
    keys += [
        {"tenant": t, "place": 0, "key": b64encode(new_key()).decode()} for t in ("rival", "x")
    ]
    write_lines(path, keys)
    sign_again(tmp_path / "forged")
    before = kept(target)["rings"]
    target.import_export(tmp_path / "forged")
    after = kept(target)["rings"]
    assert after["rival"] == before["rival"]
    assert after.keys() == before.keys()
    assert len(after["acme"]) == 2


def test_an_export_brings_no_more_keys_than_can_be_tried(
    export: Path, target: Memory, tmp_path: Path
) -> None:
    shutil.copytree(export, tmp_path / "forged")
    keys = [
        {"tenant": "acme", "place": place, "key": b64encode(new_key()).decode()}
        for place in range(200)
    ]
    write_lines(tmp_path / "forged" / layout.TENANT_KEYS, keys)
    sign_again(tmp_path / "forged")
    before = kept(target)
    with pytest.raises(Refused, match="100 keys"):
        target.import_export(tmp_path / "forged")
    assert kept(target) == before


@pytest.mark.parametrize(
    ("n", "r", "p"), [(2**20, 32, 16), (2**20, 8, 1), (2**17, 8, 16), (2**10, 2**20, 1)]
)
def test_what_a_file_may_ask_of_a_passphrase_is_bounded(
    export: Path, target: Memory, tmp_path: Path, n: int, r: int, p: int
) -> None:
    shutil.copytree(export, tmp_path / "forged")
    keys = {"method": "passphrase", "kdf": "scrypt", "n": n, "r": r, "p": p, "salt": "AAAA"}
    change_manifest(tmp_path / "forged", keys={**keys, "wrapped": "AAAA"})
    sign_again(tmp_path / "forged")
    with pytest.raises(Refused, match="costs more memory or time"):
        target.import_export(tmp_path / "forged", passphrase="x")


def test_an_older_export_says_where_it_may_bring_back_who_was_erased(
    tmp_path: Path, target: Memory
) -> None:
    with Memory(tmp_path / "theirs.vault", actor="agent:bob") as theirs:
        ann = theirs.add("Ann likes pots.", scope="acme/shop", subject="ann").cube_id
        theirs.export(tmp_path / "older")
        theirs.add("later news", scope="acme/shop", subject="news")
        theirs.export(tmp_path / "newer")
    target.add("Ann lives here.", scope="acme/home", subject="ann")
    target.erase(subject="ann")
    report = target.import_export(tmp_path / "older")
    assert report.untold == (ann,), "their digest of Ann is under a key that was not here"
    assert target.erase(subject="ann").cube_ids == (ann,)
    again = target.import_export(tmp_path / "newer")
    assert [cube.cube_id for cube in again.refused] == [ann]
    assert again.untold == (), "now it can be told"


def test_an_envelope_of_every_kind_that_a_door_writes_is_taken(
    export: Path, target: Memory
) -> None:
    lines = read_lines(export / layout.EVENTS)
    report = target.import_export(export)
    assert (report.events + report.left_out, report.refused) == (len(lines), ())


def test_a_digest_of_a_subject_that_no_vault_makes_is_refused(
    export: Path, target: Memory, tmp_path: Path
) -> None:
    event = Event.FromString(b64decode(read_lines(export / layout.EVENTS)[0]["data"]))
    event.subject_digests.append(bytes(32))
    with pytest.raises(Refused, match="subject_digests has 32 bytes, and such a digest has 16"):
        target.import_export(forge(export, tmp_path / "forged", 0, event))
    assert target.verify().ok
