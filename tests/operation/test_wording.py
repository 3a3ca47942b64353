"""Errors of governance say what was attempted as English says it, whatever it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import memos
from memos import Denied, Held, IllegalMove, Memory, MemosError
from memos.kernel.event import Kind
from memos.kernel.lineage import Relation
from memos.operation.wording import CHANGES, DOINGS, changing, doing

ENTERED = re.compile(r'(?:enter|_set_role|change_tenant)\((?:session, )?"([a-z_]+)"')
TITLED = re.compile(r'title="([a-z_]+)"')


def operations() -> set[str]:
    """Every name under which the program asks governance."""
    found: set[str] = set()
    for file in Path(memos.__file__).parent.joinpath("operation").rglob("*.py"):
        text = file.read_text()
        found.update(ENTERED.findall(text), TITLED.findall(text))
    return found | {relation.name.lower() for relation in Relation}


def test_every_operation_and_every_kind_of_event_has_its_words() -> None:
    assert operations() == set(DOINGS)
    assert set(Kind) == set(CHANGES)


def test_the_words_are_verbs_and_what_ties_them_to_a_thing() -> None:
    words = {*DOINGS.values(), *CHANGES.values()}
    for verb, tie in words:
        first = verb.split()[0]
        assert first.islower()
        assert first.isalpha()
        assert not first.endswith(("ed", "ing")) or first == "embed"
        assert tie in ("", "of", "in", "into", "to", "from", "for", "on", "through")
    assert doing("Frozen", "it") == changing(Kind.FROZEN) == "freeze it"
    assert doing("queries", "all of acme") == "read the kept queries of all of acme"


CALLS: list[tuple[str, Callable[[Memory, str], object]]] = [
    ("freeze", lambda memory, cube: memory.freeze(cube)),
    ("thaw", lambda memory, cube: memory.thaw(cube)),
    ("hold", lambda memory, cube: memory.hold(cube)),
    ("lift the hold of", lambda memory, cube: memory.lift_hold(cube)),
    ("archive", lambda memory, cube: memory.archive(cube)),
    ("restore", lambda memory, cube: memory.restore(cube)),
    ("update", lambda memory, cube: memory.update(cube, "new")),
    ("tag", lambda memory, cube: memory.tag(cube, "new")),
    ("change the header of", lambda memory, cube: memory.set_header(cube, priority=2)),
    ("change the header of", lambda memory, cube: memory.set_lifespan(cube, "1d")),
    ("roll back", lambda memory, cube: memory.rollback(cube, to_version=1)),
    ("erase", lambda memory, cube: memory.erase(cube_id=cube)),
    ("get", lambda memory, cube: memory.get(cube)),
    ("see the history of", lambda memory, cube: memory.history(cube)),
    ("see the lineage of", lambda memory, cube: memory.lineage(cube)),
    ("see what is related to", lambda memory, cube: memory.related(cube)),
    ("derive from", lambda memory, cube: memory.add("x", scope="acme", derived_from=[cube])),
    ("read the kept queries of", lambda memory, cube: memory.queries("acme")),
    ("sweep", lambda memory, cube: memory.sweep()),
    ("order the sensitivities of", lambda memory, cube: memory.set_sensitivities("acme", ["a"])),
    (
        "name an administrator of",
        lambda memory, cube: memory.grant_administrator("acme", "agent:eve"),
    ),
    (
        "dismiss an administrator of",
        lambda memory, cube: memory.revoke_administrator("acme", "agent:eve"),
    ),
]


@pytest.mark.parametrize(("words", "call"), CALLS, ids=[words for words, _ in CALLS])
def test_a_denial_says_what_may_not_be_done(
    tmp_path: Path, words: str, call: Callable[[Memory, str], object]
) -> None:
    with Memory(tmp_path / "vault", actor="agent:alice") as alice:
        cube = alice.add("hidden", scope="acme", readers=["agent:alice"]).cube_id
        with Memory(tmp_path / "vault", actor="agent:eve") as eve, pytest.raises(Denied) as denied:
            call(eve, cube)
    assert str(denied.value).startswith(f"agent:eve may not {words} ")


STOPPED: list[tuple[str, Callable[[Memory, str], object]]] = [
    (r"thaw it before you change the header of it", lambda m, cube: m.set_header(cube, priority=2)),
    (r"thaw it before you change the content of it", lambda m, cube: m.update(cube, "new")),
    (r"thaw it before you tag it", lambda m, cube: m.tag(cube, "new")),
    (r"thaw it before you archive it", lambda m, cube: m.archive(cube)),
    (
        r"thaw it before you merge it",
        lambda m, cube: m.merge([cube, m.add("other", scope="acme").cube_id]),
    ),
    (
        r"thaw it before you roll it back; nothing was changed",
        lambda m, cube: m.rollback(cube, to_version=1),
    ),
    (
        r"thaw it before you roll it back",
        lambda m, cube: m.rollback(cube, to_version=1, dry_run=True),
    ),
]


@pytest.mark.parametrize(("words", "call"), STOPPED, ids=[words for words, _ in STOPPED])
def test_a_freeze_and_a_hold_say_what_they_stop(
    tmp_path: Path, words: str, call: Callable[[Memory, str], object]
) -> None:
    with Memory(tmp_path / "vault", actor="agent:alice") as alice:
        cube = alice.add("kept", scope="acme").cube_id
        alice.freeze(cube)
        with pytest.raises(Held, match=words):
            call(alice, cube)
        alice.hold(cube)
        held = words.replace("thaw it before you", "has to lift that before you can")
        with pytest.raises(Held, match=held):
            call(alice, cube)


def test_a_state_says_what_it_does_not_allow(tmp_path: Path) -> None:
    with Memory(tmp_path / "vault", actor="agent:alice") as alice:
        cube = alice.add("kept", scope="acme").cube_id
        with pytest.raises(MemosError, match="is Generated, and nobody can thaw it there"):
            alice.thaw(cube)
        alice.archive(cube)
        with pytest.raises(IllegalMove, match="is Archived already"):
            alice.archive(cube)
        with pytest.raises(IllegalMove, match="nobody can thaw it there; restore it first"):
            alice.thaw(cube)
