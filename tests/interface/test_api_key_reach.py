"""What a key does not reach is in no answer: every door gives what a vault without it would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from memos import Denied, Forgotten, Memory, MemosError, NotFound
from memos.infrastructure.governance.decision import Action, Filter, Governor, Subject
from tests.interface.governed import (
    ABSENT,
    ADMIN,
    EVE,
    LABELS,
    SCOPE,
    AllowsAll,
    Story,
    Told,
    answer,
    doors,
    word,
)
from tests.interface.test_governor import WHOLE, opened

BOB = "acme/bob"
EVERY_ACTION = ("create", "read", "write", "administer")


class AllowsAllAtOnce(AllowsAll):
    """Says of every cube at once that it is permitted."""

    decide = AllowsAll.decide

    def filter(self, subject: Subject, action: Action, context: dict[str, str]) -> Filter:
        return Filter(silent=True, every=True)


class Two(NamedTuple):
    """A vault of which a key reaches some, and one that never held the rest; the same key of both."""

    full: Story
    twin: Story
    hidden: Mapping[str, str]
    eve: Memory
    eve_of_twin: Memory


GOVERNORS: Mapping[str, Callable[[], Governor | None]] = {
    "the header rules": lambda: None,
    "one that allows everything at once": AllowsAllAtOnce,
}


@pytest.fixture(params=GOVERNORS, scope="module")
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    beyond = set(LABELS[::3])
    folder = tmp_path_factory.mktemp("reach")

    def is_shown(label: str) -> bool:
        return label not in beyond

    with ExitStack() as stack:

        def told(name: str, shown: Callable[[str], bool]) -> Story:
            memory = stack.enter_context(opened(folder / name, ADMIN))
            story = Story(
                memory, lambda label: False, lambda label: SCOPE if is_shown(label) else BOB
            )
            story.tell(shown)
            story.link(is_shown)
            return story

        def by_key(name: str) -> Memory:
            memory = stack.enter_context(opened(folder / name, ADMIN, GOVERNORS[request.param]()))
            created = memory.create_api_key(
                EVE, tenant="acme", actions=EVERY_ACTION, scopes=[SCOPE]
            )
            return memory.as_api_key(created.key)

        full, twin = told("full", lambda label: True), told("twin", is_shown)
        hidden = {label: at for label, at in full.ids.items() if label in beyond}
        yield Two(full, twin, hidden, by_key("full"), by_key("twin"))


def test_every_door_gives_what_a_vault_of_the_key_s_scopes_alone_gives(
    two: Two, tmp_path: Path
) -> None:
    shown = {label: at for label, at in two.full.ids.items() if label not in two.hidden}
    given = doors(two.eve, shown, tmp_path / "part", SCOPE)
    expected = doors(two.eve_of_twin, two.twin.ids, tmp_path / "twin-part", SCOPE)
    served = set()
    for door, asks in given.items():
        for number, (ask, ask_twin) in enumerate(zip(asks, expected[door], strict=True)):
            got = answer(ask, Told(two.full.ids))
            assert got == answer(ask_twin, Told(two.twin.ids)), (door, number)
            assert BOB not in str(got), (door, number)
            served |= set() if str(got).startswith(("Denied", "NotFound")) else {door}
    assert given.keys() - served == {"administrators", "sensitivities", "cuts", "stats", "prove"}
    assert len(two.eve.list()) == len(two.eve_of_twin.list()) > 5


def test_what_a_key_does_not_reach_is_not_there(two: Two) -> None:
    eve = two.eve
    mine = eve.add("mine", scope=SCOPE).cube_id
    by_id: list[Callable[[str], object]] = [
        eve.get,
        eve.history,
        eve.lineage,
        eve.related,
        eve.find_id,
        lambda at: eve.diff(at, 1, 1),
        lambda at: eve.update(at, "mine"),
        lambda at: eve.tag(at, "mine"),
        eve.archive,
        lambda at: eve.link(mine, at),
        lambda at: eve.merge([mine, at]),
        lambda at: eve.rollback(at, to_version=1),
        lambda at: eve.erase(cube_id=at),
        lambda at: eve.erase(cube_id=at, dry_run=True),
        lambda at: eve.accesses(cube_id=at),
        lambda at: eve.add("x", scope=SCOPE, derived_from=[at]),
    ]
    before = two.full.memory.digest()
    for hidden in two.hidden.values():
        for ask in by_id:
            with pytest.raises(NotFound) as refused:
                ask(hidden)
            with pytest.raises(NotFound) as absent:
                ask(ABSENT)
            told = str(refused.value).replace(hidden, "")
            assert told == str(absent.value).replace(ABSENT, "")
        assert list(eve.events(cube_id=hidden)) == []
    assert two.full.memory.digest() == before


def test_a_command_that_reaches_beyond_a_key_s_scopes_names_nothing_there(two: Two) -> None:
    eve = two.eve
    reaching: list[Callable[[], object]] = [
        lambda: eve.rollback(source="web:blog"),
        lambda: eve.rollback(actor=ADMIN),
        lambda: eve.search("pottery", scope="acme"),
        lambda: eve.search("pottery", scope=[SCOPE, BOB]),
        lambda: eve.export(eve.path.parent / "whole", scope="acme"),
        lambda: eve.merge([two.full.ids["m1"], two.full.ids["m2"]], scope=BOB),
        lambda: eve.add("x", scope=BOB),
        lambda: eve.grant_administrator("acme", EVE),
        lambda: eve.create_api_key(EVE, tenant="acme"),
        lambda: eve.set_vocabulary("acme", ["home"]),
    ]
    before = two.full.memory.digest()
    for ask in reaching:
        with pytest.raises(Denied) as refused:
            ask()
        told = str(refused.value)
        assert not [at for at in two.hidden.values() if at in told]
        assert not [label for label in two.hidden if word(label) in told]
    assert two.full.memory.digest() == before


def test_an_erase_takes_what_was_made_of_it_beyond_the_key_s_scopes_and_names_none_of_that(
    two: Two,
) -> None:
    root, eve = two.full.memory, two.eve
    mine = eve.add("a source", scope=SCOPE).cube_id
    near, far = (
        root.add("made of it", scope=at, derived_from=[mine]).cube_id for at in (SCOPE, BOB)
    )
    planned = eve.erase(cube_id=mine, dry_run=True)
    assert far not in str(planned)
    receipt = eve.erase(cube_id=mine)
    assert set(receipt.cube_ids) == {mine, near}
    assert (receipt.note, far in str(receipt)) == ("", False)
    assert isinstance(root.get(far, any_state=True), Forgotten)


def test_whether_a_subject_is_known_elsewhere_in_the_tenant_does_not_show(two: Two) -> None:
    told = set()
    for subject in (f"{BOB}/flat", f"{SCOPE}/flat", "nobody"):
        for dry_run in (True, False):
            with pytest.raises(Denied, match="scope-boundary") as refused:
                two.eve.erase(subject=subject, dry_run=dry_run)
            told.add(str(refused.value))
    assert len(told) == 1


def test_doors_of_the_whole_vault_are_closed_to_a_key(two: Two) -> None:
    eve, (first, *_) = two.eve, two.full.memory.events()
    given: dict[str, Callable[[], object]] = {
        "audit": eve.audit,
        "checkpoint": eve.checkpoint,
        "digest": eve.digest,
        "prove_consistency": lambda: eve.prove_consistency(1),
        "usage_digest": eve.usage_digest,
        "verify": eve.verify,
        "wait_for": lambda: eve.wait_for(first.position, seconds=0),
    }
    assert given.keys() == WHOLE.keys()
    for door, ask in given.items():
        with pytest.raises(MemosError, match=r"tenant-boundary|no record that you may read"):
            ask()
        assert door


def test_an_export_holds_what_the_key_reaches(two: Two, tmp_path: Path) -> None:
    two.eve.export(tmp_path / "part", passphrase="x")
    for file in (tmp_path / "part").iterdir():
        held = file.read_bytes()
        assert BOB.encode() not in held
        assert not [at for at in two.hidden.values() if at.encode() in held]


def test_a_governor_widens_no_key(two: Two) -> None:
    root = two.full.memory
    narrow = root.create_api_key(EVE, tenant="acme", actions=["read"], scopes=[SCOPE])
    reader = two.eve.as_api_key(narrow.key)
    shown = root.add("shown", scope=SCOPE).cube_id
    assert reader.get(shown)
    for refused in (
        lambda: reader.update(shown, "mine"),
        lambda: reader.add("x", scope=SCOPE),
        lambda: reader.erase(cube_id=shown),
        lambda: reader.set_header(shown, owner=EVE),
    ):
        with pytest.raises(Denied, match="action-boundary"):
            refused()
