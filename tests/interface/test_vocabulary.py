from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memos import Denied, InvalidInput, MemCube, Memory
from tests.interface.asked import SCOPE


def test_tags_are_counted_over_what_the_actor_may_read(vault: Path, memory: Memory) -> None:
    memory.add("One.", scope=f"{SCOPE}/a", tags=["home", "art"])
    two = memory.add("Two.", scope=f"{SCOPE}/b", tags=["home"])
    memory.add("Three.", scope="other", tags=["far"])
    memory.add("Four.", scope=SCOPE, tags=["secret", "home"], readers=["agent:alice"])
    assert list(memory.tags("acme").items()) == [("home", 3), ("art", 1), ("secret", 1)]
    with Memory(vault, actor="agent:eve") as eve:
        assert eve.tags("acme") == {"home": 2, "art": 1}
        assert eve.tags(f"{SCOPE}/b") == {"home": 1}
        assert eve.tags("nobody") == {}
    memory.name_cut("then")
    memory.untag(two.cube_id, "home")
    memory.tag(two.cube_id, "art")
    assert memory.tags(f"{SCOPE}/b") == {"art": 1}
    assert memory.tags(f"{SCOPE}/b", as_of="then") == {"home": 1}


def test_many_memories_are_counted_across_blocks_of_the_index(memory: Memory) -> None:
    for scope in ("acme/a", "acme/b"):
        memory.add_many(
            {"text": f"Note {n}.", "scope": scope, "tags": [f"t{n % 3}"]} for n in range(1300)
        )
    assert memory.tags("acme") == {"t0": 868, "t1": 866, "t2": 866}


REFUSED: dict[str, Callable[[Memory, str], object]] = {
    "add": lambda memory, _: memory.add("Two.", scope=SCOPE, tags=["hobbies"]),
    "add_many": lambda memory, _: memory.add_many(
        [{"text": "Two.", "scope": SCOPE}, {"text": "2", "scope": SCOPE, "tags": ["hobbies"]}]
    ),
    "add_conversation": lambda memory, _: memory.add_conversation(
        [{"text": "Two.", "tags": ["hobbies"]}], scope=SCOPE, session="1"
    ),
    "tag": lambda memory, cube_id: memory.tag(cube_id, "hobbies"),
    "update": lambda memory, cube_id: memory.update(cube_id, tags=["hobbies"]),
}


@pytest.mark.parametrize("command", REFUSED)
def test_a_closed_vocabulary_refuses_other_tags_and_names_the_nearest(
    memory: Memory, command: str
) -> None:
    one = memory.add("One.", scope=SCOPE)
    memory.set_vocabulary("acme", ["hobby", "home"], closed=True)
    size = memory.stats().events
    with pytest.raises(InvalidInput, match=r"'hobbies' is not in the .* did you mean 'hobby'"):
        REFUSED[command](memory, one.cube_id)
    assert memory.stats().events == size
    memory.tag(one.cube_id, "hobby")
    assert memory.tags("acme") == {"hobby": 1}


def test_vocabularies_add_up_from_the_tenant_down(memory: Memory) -> None:
    memory.set_vocabulary("acme", ["home"], closed=True)
    memory.set_vocabulary(SCOPE, ["hobby"])
    memory.set_vocabulary("acme/bob", ["work"])
    found = memory.vocabulary(f"{SCOPE}/c1")
    assert (found.tags, found.closed, found.set_in) == (("home", "hobby"), True, ("acme", SCOPE))
    memory.add("One.", scope=f"{SCOPE}/c1", tags=["hobby", "home"])
    with pytest.raises(InvalidInput, match="'work'"):
        memory.add("One.", scope=f"{SCOPE}/c1", tags=["work"])
    memory.add("One.", scope="other", tags=["anything"])


def test_an_open_vocabulary_takes_any_tag(memory: Memory) -> None:
    memory.set_vocabulary("acme", ["home"])
    memory.add("One.", scope=SCOPE, tags=["garden"])
    assert memory.vocabulary(SCOPE).tags == ("home",)
    assert not memory.vocabulary("nowhere").set_in


def test_what_has_an_unknown_tag_already_keeps_it_and_may_lose_it(memory: Memory) -> None:
    one = memory.add("One.", scope=SCOPE, tags=["garden"])
    memory.set_vocabulary("acme", ["home"], closed=True)
    memory.tag(one.cube_id, "home")
    memory.update(one.cube_id, "Changed.")
    assert memory.tags("acme") == {"garden": 1, "home": 1}
    memory.untag(one.cube_id, "garden")
    assert memory.tags("acme") == {"home": 1}


def test_a_vocabulary_is_a_memory_with_history_rollback_and_states(memory: Memory) -> None:
    first = memory.set_vocabulary("acme", ["home"], closed=True)
    second = memory.set_vocabulary("acme", ["home", "hobby"], closed=True)
    assert (second.cube_id, second.version) == (first.cube_id, 2)
    assert [change.entry.kind for change in memory.history(first.cube_id)] == [
        "Generated",
        "Revised",
    ]
    memory.rollback(first.cube_id, to_version=1)
    assert memory.vocabulary("acme").tags == ("home",)
    memory.archive(first.cube_id)
    assert memory.vocabulary("acme").set_in == ()
    memory.add("One.", scope=SCOPE, tags=["anything"])
    memory.restore(first.cube_id)
    with pytest.raises(InvalidInput, match="anything"):
        memory.add("One.", scope=SCOPE, tags=["anything"])
    cube = memory.get(first.cube_id)
    assert isinstance(cube, MemCube)
    assert cube.semantic_type == "vocabulary"
    assert json.loads(cube.payload) == {"closed": True, "tags": ["home"]}


def test_no_search_finds_a_vocabulary(memory: Memory) -> None:
    memory.set_vocabulary("acme", ["home", "hobby"], closed=True)
    assert memory.search("vocabulary home hobby closed tags", scope="acme") == []
    assert memory.context("home", scope="acme").text == ""
    assert memory.tags("acme") == {}


def test_who_may_not_write_a_vocabulary_cannot_change_it(vault: Path, memory: Memory) -> None:
    receipt = memory.set_vocabulary("acme", ["home"], closed=True)
    memory.set_header(receipt.cube_id, writers=["agent:alice"], readers=["agent:alice"])
    with Memory(vault, actor="agent:eve") as eve:
        with pytest.raises(Denied):
            eve.set_vocabulary("acme", ["mine"])
        with pytest.raises(Denied):
            eve.vocabulary(SCOPE)
        with pytest.raises(InvalidInput, match="closed vocabulary") as refused:
            eve.add("One.", scope=SCOPE, tags=["homes"])
        assert "'home'" not in str(refused.value)


def test_a_vocabulary_may_be_set_again_after_its_erasure(memory: Memory) -> None:
    first = memory.set_vocabulary(SCOPE, ["home"], closed=True)
    memory.erase(scope=SCOPE)
    memory.add("One.", scope=SCOPE, tags=["anything"])
    second = memory.set_vocabulary(SCOPE, ["work"], closed=True)
    assert second.cube_id != first.cube_id
    assert memory.vocabulary(SCOPE).tags == ("work",)


def test_a_vocabulary_that_two_make_at_once_is_one_memory(vault: Path, memory: Memory) -> None:
    start = threading.Barrier(4)

    def make(number: int) -> str:
        with Memory(vault, actor="agent:alice") as mine:
            start.wait()
            return mine.set_vocabulary("acme", [f"t{number}"], closed=True).cube_id

    with ThreadPoolExecutor(4) as pool:
        (cube_id,) = set(pool.map(make, range(4)))
    assert len([c for c in memory.history(cube_id) if c.entry.result == "accepted"]) == 4


def test_a_vocabulary_holds_where_an_export_of_it_is_loaded(tmp_path: Path, memory: Memory) -> None:
    first = memory.set_vocabulary("acme", ["home"], closed=True)
    memory.export(tmp_path / "out.memos", passphrase="correct horse battery")
    into = tmp_path / "copy.vault"
    with Memory.load(tmp_path / "out.memos", into=into, passphrase="correct horse battery") as copy:
        with pytest.raises(InvalidInput, match="closed vocabulary"):
            copy.add("One.", scope=SCOPE, tags=["work"])
        assert copy.set_vocabulary("acme", ["work"]).cube_id == first.cube_id


def test_a_vocabulary_whose_content_became_something_else_is_not_in_force(memory: Memory) -> None:
    first = memory.set_vocabulary("acme", ["home"], closed=True)
    memory.update(first.cube_id, "No list of tags.")
    assert memory.vocabulary("acme").set_in == ()
    memory.set_vocabulary("acme", ["work"], closed=True)
    assert memory.vocabulary("acme").tags == ("work",)


def test_vocabularies_and_tags_come_out_the_same_of_a_rebuild(memory: Memory) -> None:
    memory.set_vocabulary("acme", ["home"], closed=True)
    memory.set_vocabulary("acme", ["home", "art"], closed=True)
    memory.add("One.", scope=SCOPE, tags=["art"])
    before = memory.digest(), memory.vocabulary(SCOPE), memory.tags("acme")
    assert memory.rebuild().digest == before[0]
    assert (memory.vocabulary(SCOPE), memory.tags("acme")) == before[1:]
