from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.pool.trie import Trie


def node(key: bytes, parent: bytes = b"") -> StoredSegment:
    return StoredSegment("acme", key, parent, 0, 1, 8, 8, 1.0)


def filled(*nodes: StoredSegment) -> Trie:
    trie = Trie()
    for each in nodes:
        trie.add(each)
    return trie


def test_a_chain_is_found_root_first_up_to_the_first_gap() -> None:
    a, b, d = node(b"a"), node(b"b", b"a"), node(b"d", b"c")
    trie = filled(d, b, a)
    assert trie.chain([b"a", b"b", b"c", b"d"]) == [a, b]


def test_a_segment_is_not_found_under_another_parent_than_its_own() -> None:
    trie = filled(node(b"a"), node(b"x"), node(b"b", b"a"))
    assert [one.key for one in trie.chain([b"x", b"b"])] == [b"x"]
    assert trie.chain([b"b"]) == []


def test_a_segment_whose_parent_is_not_there_counts_below_it_all_the_same() -> None:
    trie = filled(node(b"b", b"a"))
    assert list(trie.children(b"a")) == [b"b"]
    assert not trie.is_leaf(b"a")


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=40))
def test_leaves_and_children_are_those_of_what_is_there(steps: list[tuple[int, int]]) -> None:
    trie = Trie()
    there: dict[bytes, StoredSegment] = {}
    for key, parent in steps:
        name = bytes([key])
        if name in there:
            trie.remove(there.pop(name))
        else:
            there[name] = node(name, bytes([parent]) if parent < key else b"")
            trie.add(there[name])
    parents = {each.parent for each in there.values()}
    assert {key for key in there if trie.is_leaf(key)} == set(there) - parents
    assert len(trie) == len(there)
    for name in map(bytes, ([number] for number in range(8))):
        assert set(trie.children(name)) == {k for k, each in there.items() if each.parent == name}
