"""What a governor hides is in no answer: every door gives what a vault without it would give."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from memos import Denied, Memory, NotFound
from memos.infrastructure.governance.decision import (
    Governor,
)
from tests.interface.embedder import HashingEmbedder
from tests.interface.governed import (
    ABSENT,
    ADMIN,
    GOVERNORS,
    LABELS,
    SCOPE,
    TURNS,
    AllowsAll,
    OfHeadersOnly,
    OfItsOwn,
    Story,
    Told,
    WithAFilter,
    answer,
    doors,
    is_hidden,
)
from tests.interface.test_gate import NO_CALL

WRITES = {
    "add": "makes what its caller names",
    "add_many": "as add",
    "add_conversation": "as add",
    "import_file": "as add",
    "import_export": "a load: an administrator's",
    "load": "an administrator's",
    "name_cut": "names a moment of the whole vault",
    "rebuild": "changes nothing that can be read",
    "rotate_root_key": "changes nothing that can be read; an administrator's",
    "sweep": "an administrator's",
    "tag": "of the cube that is named",
    "untag": "of the cube that is named",
    "update": "of the cube that is named",
    "archive": "of the cube that is named",
    "archive_many": "of cubes that its caller may read; see test_several",
    "restore_many": "as archive_many",
    "tag_many": "as archive_many",
    "untag_many": "as archive_many",
    "update_many": "as archive_many",
    "backup": "an administrator's",
    "restore": "of the cube that is named",
    "activate": "of the cubes that are named",
    "adapter": "of the cube that is named; each of its memories is asked about",
    "adapters": "shown where each of their memories is: scenarios/adapters/",
    "backpatch": "of the cube that is named, and its sources",
    "distil": "of the cubes that are named; others are drawn of what its caller may read",
    "learn": "of what its caller may read and change: scenarios/adapters/test_learn.py",
    "learning_curve": "of records that its caller made and alone may read",
    "promote": "of the cube that is named",
    "rebuild_adapter": "of the cube that is named, and what was made of it as distil",
    "rebuilt_adapters": "of adapters that its caller may read",
    "retire": "of the cube that is named",
    "retire_outdated": "of those of `adapters`",
    "activations": "shown where each of their memories is: scenarios/test_forms.py",
    "evict": "of the cube that is named",
    "materialise": "of the cube that is named; each of its memories is asked about",
    "reactivate": "of those of `activations`",
    "schedule": "of what its caller may read and change: scenarios/test_scheduler.py",
    "freeze": "of the cube that is named",
    "thaw": "of the cube that is named",
    "set_header": "of the cube that is named",
    "set_lifespan": "of the cube that is named",
    "erase": "names only what its caller may read; see below",
    "link": "of cubes that are named",
    "hold": "of the cube that is named",
    "lift_hold": "of the cube that is named",
    "grant_administrator": "names whom its caller named",
    "api_keys": "keys of a tenant: an administrator's",
    "as_api_key": "who calls",
    "create_api_key": "names whom its caller named",
    "rotate_api_key": "of the key that is named",
    "revoke_api_key": "of the key that is named",
    "revoke_administrator": "names whom its caller named",
    "merge": "of cubes that are named",
    "set_sensitivities": "of the tenant that is named",
    "set_vocabulary": "of the scope that is named",
    "keep_queries": "an administrator's",
    "queries": "what was asked, not what was found: an administrator's",
    "migrated_from": "logs that came before",
    "verifier_key": "a public key",
}
"""Doors that answer with nothing but what their caller named, or that made the vault."""

WHOLE = {
    "audit": "every record is checked, for who is trusted with the whole vault",
    "checkpoint": "the tree over every record",
    "digest": "a hash over everything",
    "prove_consistency": "the tree over every record",
    "usage_digest": "a hash over everything",
    "verify": "every record is checked",
    "wait_for": "a position, which names nothing",
}
"""Doors of the whole vault: no id and no text may be in what they give."""


def opened(path: Path, actor: str, governor: Governor | None = None) -> Memory:
    """A vault whose embedder answers no background call, so that what waits goes on waiting."""
    embedder = HashingEmbedder()
    embedder.broken = True
    memory = Memory(path, actor=actor, governor=governor, embedder=embedder)
    memory._session.embedding.close()  # type: ignore[union-attr]
    embedder.broken = False
    return memory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "vault", actor=ADMIN) as made:
        yield made


class Two(NamedTuple):
    """A vault of which some is hidden from eve, and one that never held that."""

    full: Story
    twin: Story
    hidden: Mapping[str, str]
    eve: Memory
    eve_of_twin: Memory

    def asked_of(self, story: Story) -> dict[str, str]:
        """The memories that eve may read, as a story has them."""
        return {label: at for label, at in story.ids.items() if label not in self.hidden}


def is_telling(ids: Mapping[str, str], operations: Collection[str], seed: int) -> bool:
    """Whether a seed hides some memories and not others, some that a source reaches among them, and
    none of the operations over several: those a vault without the memories has as well, under ids of
    its own.
    """
    hidden = {label for label, at in ids.items() if is_hidden("agent:eve", at, seed)}
    mixed = len(ids) / 4 < len(hidden) < len(ids) / 2 and not hidden.isdisjoint(LABELS[:6])
    # Of what is derived from what is shown an erase is complete, hidden or not.
    refuses_an_erase = not hidden.isdisjoint([LABELS[0], *TURNS])
    return (
        mixed
        and refuses_an_erase
        and not any(is_hidden("agent:eve", at, seed) for at in operations)
    )


@pytest.fixture(params=[(kind, seed) for kind in GOVERNORS for seed in (1, 2)], ids=str)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Two]:
    kind, first = request.param
    secret = {label for n, label in enumerate(LABELS + TURNS) if (n + first) % 3 == 0}

    with ExitStack() as stack:

        def vault(name: str, actor: str, governor: Governor | None = None) -> Memory:
            return stack.enter_context(opened(tmp_path / name, actor, governor))

        full = Story(vault("full", ADMIN), secret.__contains__)
        full.tell(lambda label: True)
        operations = {entry.cube_id for entry in full.memory.events()} - {*full.ids.values()}
        seed = next(n for n in count(1000 * first) if is_telling(full.ids, operations, n))
        governor = GOVERNORS[kind](seed)
        hidden = {
            label: at
            for label, at in full.ids.items()
            if (label in secret if kind == "of headers only" else is_hidden("agent:eve", at, seed))
        }

        def is_shown(label: str) -> bool:
            return label not in hidden

        full.link(is_shown)
        twin = Story(vault("twin", ADMIN), secret.__contains__)
        twin.tell(is_shown)
        twin.link(is_shown)
        yield Two(
            full,
            twin,
            hidden,
            vault("full", "agent:eve", governor),
            vault("twin", "agent:eve", AllowsAll()),
        )


def test_every_door_gives_what_a_vault_without_the_hidden_memories_gives(
    two: Two, tmp_path: Path
) -> None:
    given = doors(two.eve, two.asked_of(two.full), tmp_path / "part")
    expected = doors(two.eve_of_twin, two.asked_of(two.twin), tmp_path / "twin-part")
    for door, asks in given.items():
        for number, (ask, ask_twin) in enumerate(zip(asks, expected[door], strict=True)):
            got = answer(ask, Told(two.full.ids))
            assert got == answer(ask_twin, Told(two.twin.ids)), (door, number)


def test_no_door_is_forgotten(memory: Memory, tmp_path: Path) -> None:
    public = {name for name, _ in inspect.getmembers(Memory) if not name.startswith("_")}
    known = doors(memory, {}, tmp_path / "part").keys()
    assert not known & WRITES.keys() | known & WHOLE.keys() | WRITES.keys() & WHOLE.keys()
    assert known | WRITES.keys() | WHOLE.keys() == public - NO_CALL.keys()


def test_doors_of_the_whole_vault_name_nothing_that_is_hidden(two: Two) -> None:
    eve, (first, *_) = two.eve, two.full.memory.events()
    given: dict[str, Callable[[], Any]] = {
        "audit": eve.audit,
        "checkpoint": eve.checkpoint,
        "digest": eve.digest,
        "prove_consistency": lambda: eve.prove_consistency(1),
        "usage_digest": eve.usage_digest,
        "verify": eve.verify,
        "wait_for": lambda: eve.wait_for(first.position),
    }
    assert given.keys() == WHOLE.keys()
    for door, ask in given.items():
        got = str(ask())
        assert not [at for at in two.hidden.values() if at in got], door


def test_a_hidden_memory_is_told_of_by_its_id_alone(two: Two) -> None:
    eve = two.eve
    by_id: list[Callable[[str], object]] = [
        eve.get,
        eve.history,
        eve.lineage,
        eve.related,
        lambda at: eve.diff(at, 1, 1),
        lambda at: eve.update(at, "mine"),
        lambda at: eve.rollback(at, to_version=1),
        lambda at: eve.erase(cube_id=at),
        lambda at: eve.add("x", scope=SCOPE, derived_from=[at]),
    ]
    for hidden in two.hidden.values():
        for ask in by_id:
            with pytest.raises(Denied) as refused:
                ask(hidden)
            assert not [at for at in two.full.ids.values() if at in str(refused.value)][1:]
        assert list(eve.events(cube_id=hidden)) == []
        entry = next(iter(two.full.memory.events(cube_id=hidden)))
        for event_id in (entry.event_id, ABSENT):
            with pytest.raises(NotFound, match=f"there is no event {event_id} in this log"):
                eve.prove(event_id)


def test_a_command_that_reaches_hidden_memories_names_none(two: Two) -> None:
    full, eve = two.full, two.eve
    reaching: list[Callable[[], object]] = [
        lambda: eve.rollback(source="web:blog"),
        lambda: eve.rollback(actor=ADMIN),
        lambda: eve.erase(scope="acme"),
        lambda: eve.export(Path(eve.path).parent / "whole"),
    ]
    before = full.memory.digest()
    for ask in reaching:
        with pytest.raises(Denied) as refused:
            ask()
        assert not [at for at in two.hidden.values() if at in str(refused.value)]
    assert full.memory.digest() == before


def test_a_governor_is_asked_once_about_a_cube_in_a_read(memory: Memory) -> None:
    for number in range(20):
        memory.add(f"pottery {number}", scope=SCOPE, tags=["craft"], source="web:blog")
    governor = OfItsOwn(0)
    memory._session.gate.governor = governor
    (hit, *_) = memory.search("pottery", scope=SCOPE)
    assert len(governor.asked) == len(set(governor.asked)) == 20 + 1  # and once about the scope
    for read in (
        lambda: memory.related(hit.cube_id),
        lambda: memory.route("pottery", scope=SCOPE),
        lambda: memory.context("pottery", scope=SCOPE),
        lambda: memory.tags(SCOPE),
        lambda: memory.list(scope=SCOPE, filter={"tags": "craft"}),
        lambda: memory.count(scope=SCOPE),
        lambda: memory.subjects(SCOPE),
        lambda: list(memory.events()),
        memory.stats,
    ):
        governor.asked.clear()
        read()
        assert len(governor.asked) == len(set(governor.asked)) > 19


def test_a_governor_of_headers_is_asked_once_about_cubes_that_are_alike(memory: Memory) -> None:
    for number in range(20):
        memory.add(f"pottery {number}", scope=SCOPE, sensitivity="secret" if number % 2 else None)
    governor = OfHeadersOnly(0)
    with Memory(memory.path, actor="agent:eve", governor=governor) as eve:
        assert len(eve.search("pottery", scope=SCOPE, k=50)) == 10
    assert len(governor.asked) == 3  # the scope, and two headers


def test_what_a_governor_permits_at_once_it_is_not_asked_about(memory: Memory) -> None:
    for number in range(20):
        memory.add(f"pottery {number}", scope=SCOPE, readers=[ADMIN] if number % 2 else ())
    rules = WithAFilter(0)
    memory._session.gate.governor = rules
    assert len(memory.search("pottery", scope=SCOPE, k=50)) == 20
    assert len(rules.asked) == 1  # the scope


def test_a_governor_widens_no_narrowing(tmp_path: Path) -> None:
    with Memory(tmp_path / "vault", actor=ADMIN) as memory:
        theirs = memory.add("theirs", scope="rival/a").cube_id
    with Memory(tmp_path / "vault", actor="agent:eve", tenant="acme", governor=AllowsAll()) as eve:
        with pytest.raises(NotFound):
            eve.get(theirs)
        with pytest.raises(Denied, match="tenant-boundary"):
            eve.search("theirs", scope="rival")
        assert list(eve.events()) == []
