"""A retry is known before anything is looked at that may have changed since its first command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memos import AlreadyErased, Denied, IllegalMove, InvalidInput, Memory, SourceErased

Call = Callable[[], Any]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "vault", actor="user:owner") as owner:
        yield owner


@pytest.fixture
def memory(owner: Memory) -> Iterator[Memory]:
    with Memory(owner.path, actor="agent:alice") as memory:
        yield memory


def derived(memory: Memory, sources: list[str], key: str) -> dict[str, Call]:
    """Every command that makes a memory of others, under a key."""
    item: dict[str, Any] = {"text": "Derived.", "scope": "acme", "derived_from": sources}
    return {
        "add": lambda: memory.add(**item, idempotency_key=key),
        "add_many": lambda: memory.add_many([item, item], idempotency_key=f"{key} of many"),
        "an own key": lambda: memory.add_many([{**item, "idempotency_key": f"own {key}"}]),
        "merge": lambda: memory.merge(sources, idempotency_key=key),
        "merge into": lambda: memory.merge(sources, scope="acme/b", idempotency_key=key),
    }


KINDS = ["add", "add_many", "an own key", "merge", "merge into"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_of_what_was_erased_with_its_source_is_already_erased(
    owner: Memory, memory: Memory, kind: str
) -> None:
    sources = [memory.add(f"Source {n}.", scope="acme").cube_id for n in range(2)]
    call = derived(memory, sources, "k")[kind]
    call()
    owner.erase(cube_id=sources[0])
    before = memory.digest()
    with pytest.raises(AlreadyErased, match="fresh key"):
        call()
    with pytest.raises((SourceErased, IllegalMove)) as raised:
        derived(memory, sources, "fresh")[kind]()
    assert not isinstance(raised.value, AlreadyErased)
    assert memory.digest() == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_needs_no_right_on_its_sources(owner: Memory, memory: Memory, kind: str) -> None:
    sources = [owner.add(f"Source {n}.", scope="acme").cube_id for n in range(2)]
    call = derived(memory, sources, "k")[kind]
    first = call()
    for source in sources:
        owner.set_header(source, readers=["user:owner"], writers=["user:owner"])
    before = memory.digest()
    assert call() == first
    assert memory.digest() == before
    with pytest.raises(Denied):
        derived(memory, sources, "fresh")[kind]()


def test_a_retry_keeps_tags_that_its_scope_does_not_take_any_more(
    owner: Memory, memory: Memory, tmp_path: Path
) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_text('{"text": "Imported.", "tags": ["old"]}\n')
    cubes = [memory.add(f"Source {n}.", scope="acme").cube_id for n in range(4)]
    turns = [{"text": "Hello.", "tags": ["old"]}]
    item: dict[str, Any] = {"text": "Item.", "tags": ["old"]}

    def commands(key: str) -> list[Call]:
        return [
            lambda: memory.add("One.", scope="acme", tags=["old"], idempotency_key=key),
            lambda: memory.add_many([{**item, "scope": "acme/b", "idempotency_key": key}]),
            lambda: memory.add_conversation(turns, scope="acme", session="1", idempotency_key=key),
            lambda: memory.update(cubes[0], "New.", tags=["old"], idempotency_key=key),
            lambda: memory.merge(cubes[1:], tags=["old"], idempotency_key=key),
        ]

    first = [command() for command in commands("k")]
    memory.import_file(file, scope="acme")
    owner.set_vocabulary("acme", ["new"], closed=True)
    before = memory.digest()
    assert [command() for command in commands("k")] == first
    again = memory.import_file(file, scope="acme")
    assert (again.added, again.present) == (0, 1)
    assert memory.digest() == before
    for command in commands("fresh")[:-1]:
        with pytest.raises(InvalidInput, match="vocabulary"):
            command()


@pytest.mark.parametrize("change", [{"text": "Two."}, {"text": "Two.", "mode": "append"}])
def test_a_retried_update_of_what_was_erased_is_already_erased(
    owner: Memory, memory: Memory, change: dict[str, Any]
) -> None:
    cube = memory.add("One.", scope="acme").cube_id
    memory.update(cube, **change, idempotency_key="k")
    owner.erase(cube_id=cube)
    before = memory.digest()
    with pytest.raises(AlreadyErased, match=cube):
        memory.update(cube, **change, idempotency_key="k")
    with pytest.raises(IllegalMove) as raised:
        memory.update(cube, **change, idempotency_key="fresh")
    assert not isinstance(raised.value, AlreadyErased)
    assert memory.digest() == before


def test_what_a_retry_leaves_in_the_log_folds_to_the_same(owner: Memory, memory: Memory) -> None:
    sources = [memory.add(f"Source {n}.", scope="acme").cube_id for n in range(2)]
    calls = list(derived(memory, sources, "k").values())[:4]
    for call in calls:
        assert call() == call()
    cube = memory.add("One.", scope="acme").cube_id
    for _ in range(2):
        memory.update(cube, "more", mode="append", idempotency_key="u")
    assert owner.rebuild().digest == owner.digest()
    assert owner.audit().ok
