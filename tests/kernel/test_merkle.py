from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.kernel.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    Frontier,
    TiledNodes,
    TileRoot,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

# The reference leaves, roots and proofs of Certificate Transparency's own implementation.
CT_LEAVES = [
    bytes.fromhex(data)
    for data in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_PATH_OF_LEAF_0 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
CT_CONSISTENCY_6_TO_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]

LEAVES = [leaf_hash(b"leaf %d" % number) for number in range(4000)]
SMALL = 70


@cache
def naive_root(start: int, end: int) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word, over LEAVES[start:end]."""
    count = end - start
    if count == 0:
        return sha256(b"").digest()
    if count == 1:
        return LEAVES[start]
    split = 1
    while split * 2 < count:
        split *= 2
    left, right = naive_root(start, start + split), naive_root(start + split, end)
    return sha256(b"\x01" + left + right).digest()


class NaiveNodes:
    """Every node of LEAVES, by the recursive definition."""

    def node(self, level: int, index: int) -> bytes:
        start, end = index << level, (index + 1) << level
        assert end <= len(LEAVES), "only complete nodes are asked for"
        return naive_root(start, end)


class Shelf:
    """What a store keeps of a tree: the hashes of levels 0, 8, 16, ..."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.levels: dict[int, list[bytes]] = {0: leaves}
        self.asked: list[tuple[int, int, int]] = []
        Frontier(self.keep).extend(leaves)

    def keep(self, tile: TileRoot) -> None:
        level = self.levels.setdefault(tile.level, [])
        assert tile.index == len(level)
        level.append(tile.hash)

    def fetch(self, level: int, start: int, end: int) -> list[bytes]:
        self.asked.append((level, start, end))
        return self.levels[level][start:end]


NODES = NaiveNodes()
SHELF = Shelf(LEAVES)
TILED = TiledNodes(SHELF.fetch)


def tampered(proof: list[bytes]) -> Iterator[list[bytes]]:
    """Every way to flip one bit of one element, to drop, double or swap, and to add."""
    for at, element in enumerate(proof):
        flipped = bytes([element[0] ^ 1]) + element[1:]
        yield [*proof[:at], flipped, *proof[at + 1 :]]
        yield [*proof[:at], element[:-1], *proof[at + 1 :]]
        yield [*proof[:at], *proof[at + 1 :]]
        yield [*proof[:at], element, *proof[at:]]
    if len(proof) > 1:
        yield [proof[1], proof[0], *proof[2:]]
    yield [*proof, bytes(32)]
    yield [bytes(32), *proof]


def ct_nodes() -> TiledNodes:
    hashes = [leaf_hash(data) for data in CT_LEAVES]
    return TiledNodes(lambda level, start, end: hashes[start:end] if level == 0 else [])


def test_the_roots_of_the_reference_leaves_are_the_published_ones() -> None:
    frontier = Frontier()
    roots = [frontier.root()]
    for data in CT_LEAVES:
        frontier.push(leaf_hash(data))
        roots.append(frontier.root())
    assert [found.hex() for found in roots] == CT_ROOTS
    assert [root(ct_nodes(), size).hex() for size in range(9)] == CT_ROOTS
    assert EMPTY_ROOT.hex() == CT_ROOTS[0]


def test_the_proofs_of_the_reference_leaves_are_the_published_ones() -> None:
    nodes = ct_nodes()
    assert [h.hex() for h in inclusion_proof(nodes, 0, 8)] == CT_PATH_OF_LEAF_0
    assert [h.hex() for h in consistency_proof(nodes, 1, 8)] == CT_PATH_OF_LEAF_0
    assert [h.hex() for h in consistency_proof(nodes, 6, 8)] == CT_CONSISTENCY_6_TO_8


def test_a_leaf_is_never_mistaken_for_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_every_small_tree_has_the_naive_root() -> None:
    frontier = Frontier()
    for size in range(SMALL + 1):
        assert frontier.size == size
        assert frontier.root() == root(NODES, size) == naive_root(0, size)
        frontier.push(LEAVES[size])


def test_every_leaf_of_every_small_tree_is_proved() -> None:
    for size in range(1, SMALL + 1):
        whole = naive_root(0, size)
        for index in range(size):
            proof = inclusion_proof(NODES, index, size)
            assert verify_inclusion(LEAVES[index], index, size, proof, whole)


def test_every_small_tree_is_proved_a_prefix_of_every_later_one() -> None:
    for new in range(SMALL + 1):
        for old in range(new + 1):
            proof = consistency_proof(NODES, old, new)
            assert verify_consistency(old, naive_root(0, old), new, naive_root(0, new), proof)


@st.composite
def index_and_size(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(st.integers(1, len(LEAVES)))
    return draw(st.integers(0, size - 1)), size


@given(index_and_size())
def test_any_leaf_of_a_larger_tree_is_proved_from_tiles_as_from_all_nodes(
    case: tuple[int, int],
) -> None:
    index, size = case
    whole = naive_root(0, size)
    proof = inclusion_proof(TILED, index, size)
    assert proof == inclusion_proof(NODES, index, size)
    assert verify_inclusion(LEAVES[index], index, size, proof, whole)


@given(index_and_size())
def test_any_two_larger_trees_are_consistent_from_tiles_as_from_all_nodes(
    case: tuple[int, int],
) -> None:
    old, new = case
    proof = consistency_proof(TILED, old, new)
    assert proof == consistency_proof(NODES, old, new)
    assert verify_consistency(old, naive_root(0, old), new, naive_root(0, new), proof)
    assert root(TILED, new) == naive_root(0, new)


@given(index_and_size())
def test_a_tampered_inclusion_proof_is_refused(case: tuple[int, int]) -> None:
    index, size = case
    leaf, whole = LEAVES[index], naive_root(0, size)
    proof = inclusion_proof(NODES, index, size)
    for wrong in tampered(proof):
        if wrong != proof:
            assert not verify_inclusion(leaf, index, size, wrong, whole)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, whole)
    assert not verify_inclusion(leaf, index, size, proof, leaf_hash(b"other"))
    assert not verify_inclusion(leaf, index + 1, size, proof, whole)
    assert not verify_inclusion(leaf, index ^ 1, size, proof, whole)


@given(index_and_size())
def test_a_tampered_consistency_proof_is_refused(case: tuple[int, int]) -> None:
    old, new = case[0] + 1, case[1]
    old_root, new_root = naive_root(0, old), naive_root(0, new)
    other = leaf_hash(b"other")
    proof = consistency_proof(NODES, old, new)
    for wrong in tampered(proof):
        if wrong != proof:
            assert not verify_consistency(old, old_root, new, new_root, wrong)
    assert not verify_consistency(old, other, new, new_root, proof)
    assert not verify_consistency(old, old_root, new, other, proof)
    assert not verify_consistency(new + 1, new_root, new, new_root, proof)


def test_a_proof_in_a_tree_of_another_size_is_refused() -> None:
    root_4, root_8 = naive_root(0, 4), naive_root(0, 8)
    first, last = inclusion_proof(NODES, 0, 4), inclusion_proof(NODES, 7, 8)
    assert not verify_inclusion(LEAVES[0], 0, 8, first, root_4)  # too short a path for 8 leaves
    assert not verify_inclusion(LEAVES[7], 3, 4, last, root_8)  # too long a path for 4 leaves
    growth = consistency_proof(NODES, 3, 4)
    assert not verify_consistency(3, naive_root(0, 3), 8, root_4, growth)
    growth = consistency_proof(NODES, 7, 8)
    assert not verify_consistency(3, naive_root(0, 7), 4, root_8, growth)


def test_a_log_that_rewrote_a_leaf_cannot_prove_that_it_only_grew() -> None:
    rewritten = [*LEAVES[:3], leaf_hash(b"rewritten"), *LEAVES[4:20]]
    nodes = TiledNodes(lambda _level, start, end: rewritten[start:end])
    for old in range(4, 20):
        proof = consistency_proof(nodes, old, 20)
        assert not verify_consistency(old, naive_root(0, old), 20, root(nodes, 20), proof)


def test_sizes_that_no_tree_has_verify_as_false() -> None:
    leaf = LEAVES[0]
    assert verify_inclusion(leaf, 0, 1, [], leaf)
    for index, size in ((-1, 1), (0, 0), (1, 1), (0, -1), (0, MAX_SIZE + 1)):
        assert not verify_inclusion(leaf, index, size, [], leaf)
    for old, new in ((-1, 1), (-1, -1), (2, 1), (1, MAX_SIZE + 1)):
        assert not verify_consistency(old, leaf, new, leaf, [])
    assert not verify_inclusion(leaf[:31], 0, 1, [], leaf[:31])
    assert not verify_consistency(1, leaf[:31], 1, leaf[:31], [])


def test_equal_and_empty_trees_need_the_right_roots_and_no_proof() -> None:
    some, other = LEAVES[0], LEAVES[1]
    assert verify_consistency(5, some, 5, some, [])
    assert not verify_consistency(5, some, 5, other, [])
    assert not verify_consistency(5, some, 5, some, [other])
    assert verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert verify_consistency(0, EMPTY_ROOT, 5, some, [])
    assert not verify_consistency(0, some, 5, some, [])
    assert not verify_consistency(0, some, 0, some, [])
    assert not verify_consistency(0, EMPTY_ROOT, 5, some, [other])
    assert not verify_consistency(4, some, 5, some, [])


def test_proofs_of_what_is_not_there_are_refused() -> None:
    for index, size in ((0, 0), (-1, 5), (5, 5), (0, MAX_SIZE + 1)):
        with pytest.raises(ValueError, match="is not in a tree of size"):
            inclusion_proof(NODES, index, size)
    for old, new in ((-1, 5), (6, 5), (0, MAX_SIZE + 1)):
        with pytest.raises(ValueError, match="does not grow to size"):
            consistency_proof(NODES, old, new)
    for size in (-1, MAX_SIZE + 1):
        with pytest.raises(ValueError, match="no tree has size"):
            root(NODES, size)


@given(st.integers(0, 1500), st.integers(0, 1500))
def test_a_frontier_goes_on_after_a_round_trip_as_if_it_had_not_stopped(
    first: int, more: int
) -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:first])
    resumed = Frontier.from_bytes(frontier.to_bytes())
    assert resumed.size == first
    resumed.extend(LEAVES[first : first + more])
    assert resumed.root() == naive_root(0, first + more)
    assert resumed.to_bytes()[:8] == (first + more).to_bytes(8, "big")


@given(st.integers(0, 1500), st.data())
def test_a_frontier_of_another_length_is_refused(size: int, data: st.DataObject) -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:size])
    whole = frontier.to_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    for malformed in (whole[:cut], whole + b"\x00"):
        with pytest.raises(ValueError, match="a frontier of size"):
            Frontier.from_bytes(malformed)


def test_data_pushed_in_place_of_its_hash_is_refused() -> None:
    frontier = Frontier()
    frontier.push(LEAVES[0])
    with pytest.raises(ValueError, match="32 bytes, not 5"):
        frontier.push(b"hello")
    assert frontier.size == 1
    assert frontier.root() == LEAVES[0]


def test_an_appender_learns_of_each_tile_root_once_and_in_order() -> None:
    leaf = LEAVES[0]
    found: list[TileRoot] = []
    frontier = Frontier(found.append)
    for size in range(1, (1 << 16) + 1):
        told = len(found)
        frontier.push(leaf)
        expected = [level for level in (8, 16) if size % (1 << level) == 0]
        assert [tile.level for tile in found[told:]] == expected
    tiles = [tile.index for tile in found if tile.level == 8]
    assert tiles == list(range(256))
    assert found[-1] == TileRoot(16, 0, frontier.root())


def test_tile_roots_are_the_naive_nodes_also_after_a_round_trip() -> None:
    found: list[TileRoot] = []
    frontier = Frontier(found.append)
    frontier.extend(LEAVES[:1000])
    frontier = Frontier.from_bytes(frontier.to_bytes(), found.append)
    frontier.extend(LEAVES[1000:2000])
    assert found == [TileRoot(8, i, naive_root(256 * i, 256 * (i + 1))) for i in range(7)]


def test_a_push_whose_tile_could_not_be_stored_did_not_happen() -> None:
    def refuse(tile: TileRoot) -> None:
        raise OSError(f"no room for tile {tile.index}")

    frontier = Frontier(refuse)
    frontier.extend(LEAVES[:255])
    with pytest.raises(OSError, match="no room for tile 0"):
        frontier.push(LEAVES[255])
    assert frontier.size == 255
    assert frontier.root() == naive_root(0, 255)


@given(index_and_size())
def test_no_fetch_leaves_its_tile_or_goes_beyond_the_tree(case: tuple[int, int]) -> None:
    index, size = case
    SHELF.asked.clear()
    inclusion_proof(TILED, index, size)
    consistency_proof(TILED, index, size)
    for level, start, end in SHELF.asked:
        assert level % 8 == 0
        assert start < end
        assert start // 256 == (end - 1) // 256
        assert end << level <= size


@given(st.integers(0, 11), st.data())
def test_a_node_from_tiles_is_the_naive_node(level: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, (len(LEAVES) >> level) - 1))
    assert TILED.node(level, index) == NODES.node(level, index)


def test_a_store_that_lost_hashes_is_named_by_level_and_range() -> None:
    nodes = TiledNodes(lambda level, start, end: LEAVES[start : end - 1])
    with pytest.raises(LookupError, match=r"level 0 of the tree, \[8, 16\): 7 hashes, not 8"):
        nodes.node(3, 1)


class Uniform:
    """The nodes of a tree, as large as may be, whose leaves are all alike."""

    def __init__(self) -> None:
        self.levels = [LEAVES[0]]
        for _ in range(63):
            self.levels.append(node_hash(self.levels[-1], self.levels[-1]))

    def node(self, level: int, index: int) -> bytes:
        assert (index + 1) << level <= MAX_SIZE
        return self.levels[level]


def test_the_largest_tree_that_can_be_named_is_proved_as_others_are() -> None:
    nodes = Uniform()
    whole = root(nodes, MAX_SIZE)
    for index in (0, MAX_SIZE - 1):
        path = inclusion_proof(nodes, index, MAX_SIZE)
        assert verify_inclusion(LEAVES[0], index, MAX_SIZE, path, whole)
    growth = consistency_proof(nodes, 3, MAX_SIZE)
    assert verify_consistency(3, root(nodes, 3), MAX_SIZE, whole, growth)


def test_what_is_no_hash_verifies_nothing() -> None:
    leaf, short = leaf_hash(b"one"), bytes(31)
    assert verify_inclusion(leaf, 0, 1, [], leaf)
    assert not verify_inclusion(short, 0, 1, [], short)
    assert verify_consistency(1, leaf, 1, leaf, [])
    assert not verify_consistency(1, short, 1, short, [])
    two = leaf_hash(b"two")
    joined = sha256(b"\x01" + leaf + short).digest()
    assert not verify_inclusion(leaf, 0, 2, [short], joined)
    assert verify_inclusion(leaf, 0, 2, [two], sha256(b"\x01" + leaf + two).digest())
    assert not verify_inclusion(short, 0, 2, [two], sha256(b"\x01" + short + two).digest())
    assert not verify_consistency(1, leaf, 2, joined, [short])
    of_short = sha256(b"\x01" + short + two).digest()
    assert not verify_consistency(1, short, 2, of_short, [two])
    assert not verify_consistency(0, EMPTY_ROOT, 1, short, [])
