"""Merkle trees over the log: SHA-256 as in RFC 6962 section 2.1 and RFC 9162 section 2.1.

A node is named by (level, index): the root of the complete subtree over the leaves
``[index * 2**level, (index + 1) * 2**level)``. Complete nodes never change as the tree
grows, so they can be stored; every root and proof is computed from a few of them, and
no function here holds more than one tile (256 hashes) at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, Self

HASH_SIZE = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_SIZE = (1 << 64) - 1
EMPTY_ROOT = sha256(b"").digest()

_SIZE_BYTES = 8
_IN_TILE = TILE_HEIGHT - 1  # the bits of a level that say how high in its tile


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte hash of a leaf's data: SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class TileRoot:
    """A complete node at a stored level (8, 16, 24, ...)."""

    level: int
    index: int
    hash: bytes


OnTile = Callable[[TileRoot], object]


class Frontier:
    """The right edge of a growing tree: the roots of its complete subtrees, largest first.

    It holds at most 64 hashes and is all that an appender needs to go on. `on_tile` is
    called with each `TileRoot` as a push completes it, lower levels first, so that tile
    roots are stored without being computed again; ``on_tile=tiles.append`` collects them.
    """

    __slots__ = ("_edge", "_on_tile", "_size")

    def __init__(self, on_tile: OnTile | None = None) -> None:
        self._size = 0
        self._edge: list[bytes] = []
        self._on_tile = on_tile

    @property
    def size(self) -> int:
        """The number of leaves pushed."""
        return self._size

    def push(self, leaf: bytes) -> None:
        """Append one leaf hash; one inner hash on average.

        Raises ValueError when `leaf` is not 32 bytes (data, say, in place of its hash), and
        what `on_tile` raises; the frontier is then as it was.
        """
        if len(leaf) != HASH_SIZE:
            raise ValueError(f"a leaf hash is {HASH_SIZE} bytes, not {len(leaf)}")
        edge = self._edge
        node, index, level = leaf, self._size, 0
        while index & 1:
            level += 1
            # node_hash, written out: the call would add a quarter to the cost of a push.
            node = sha256(b"\x01" + edge[-level] + node).digest()
            index >>= 1
            if not level & _IN_TILE and self._on_tile is not None:
                self._on_tile(TileRoot(level, index, node))
        edge[len(edge) - level :] = [node]
        self._size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append leaf hashes in order. Raises ValueError as `push`; those before it stay."""
        push = self.push
        for leaf in leaves:
            push(leaf)

    def root(self) -> bytes:
        """Return the 32-byte root of the tree so far."""
        return _join(self._edge) if self._edge else EMPTY_ROOT

    def to_bytes(self) -> bytes:
        """Return the size as eight big-endian bytes, then the edge's hashes, largest first."""
        return self._size.to_bytes(_SIZE_BYTES) + b"".join(self._edge)

    @classmethod
    def from_bytes(cls, data: bytes, on_tile: OnTile | None = None) -> Self:
        """Return the frontier that `to_bytes` wrote.

        Raises ValueError when the length is not the one that the size calls for.
        """
        size = int.from_bytes(data[:_SIZE_BYTES])
        expected = _SIZE_BYTES + size.bit_count() * HASH_SIZE
        if len(data) != expected:
            raise ValueError(f"a frontier of size {size} is {expected} bytes, not {len(data)}")
        frontier = cls(on_tile)
        frontier._size = size
        starts = range(_SIZE_BYTES, expected, HASH_SIZE)
        frontier._edge = [bytes(data[at : at + HASH_SIZE]) for at in starts]
        return frontier


class Nodes(Protocol):
    """Where proofs take their hashes from."""

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of complete subtree number `index` of ``2**level`` leaves."""
        ...


class TiledNodes:
    """`Nodes` over storage that keeps levels 0, 8, 16, ... only.

    ``fetch(level, start, end)`` returns the hashes of the stored level's nodes
    ``[start, end)``: at most 256 of them, all within one tile, all complete.
    """

    __slots__ = ("_fetch",)

    def __init__(self, fetch: Callable[[int, int, int], Sequence[bytes]]) -> None:
        self._fetch = fetch

    def node(self, level: int, index: int) -> bytes:
        """See `Nodes.node`. Raises LookupError when `fetch` returns fewer or more hashes."""
        inner = level % TILE_HEIGHT
        stored, start, end = level - inner, index << inner, (index + 1) << inner
        hashes = self._fetch(stored, start, end)
        if len(hashes) != end - start:
            counts = f"{len(hashes)} hashes, not {end - start}"
            raise LookupError(f"level {stored} of the tree, [{start}, {end}): {counts}")
        while len(hashes) > 1:
            hashes = list(map(node_hash, hashes[::2], hashes[1::2]))
        return hashes[0]


def root(nodes: Nodes, size: int) -> bytes:
    """Return the root of the tree of the first `size` leaves (RFC 9162 section 2.1.1).

    Raises ValueError when `size` is negative or over 2**64 - 1.
    """
    if not 0 <= size <= MAX_SIZE:
        raise ValueError(f"no tree has size {size}")
    return _range_root(nodes, 0, size) if size else EMPTY_ROOT


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves, leaf side first.

    RFC 9162 section 2.1.3.1. Raises ValueError unless ``0 <= index < size <= 2**64 - 1``.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise ValueError(f"leaf {index} is not in a tree of size {size}")
    return [sibling for _, _, sibling in _descend(nodes, index, size)][::-1]


def consistency_proof(nodes: Nodes, old_size: int, new_size: int) -> list[bytes]:
    """Return the proof that the tree of `old_size` leaves is a prefix of that of `new_size`.

    RFC 9162 section 2.1.4.1; empty when the sizes are equal or the old tree is empty, which
    the RFC leaves out. Raises ValueError unless ``0 <= old_size <= new_size <= 2**64 - 1``.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise ValueError(f"a tree of size {old_size} does not grow to size {new_size}")
    if old_size in (0, new_size):
        return []
    proof: list[bytes] = []
    for start, end, sibling in _descend(nodes, old_size - 1, new_size):
        proof.append(sibling)
        if end == old_size:
            if start:  # else what is left is the old tree itself, whose root the verifier has
                proof.append(_range_root(nodes, start, end))
            break
    return proof[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Tell whether `proof` shows leaf hash `leaf` at `index` of the tree (`size`, `root`).

    RFC 9162 section 2.1.3.2. False, never an error, for arguments that fit no tree.
    """
    if not 0 <= index < size <= MAX_SIZE or not _are_hashes(leaf, *proof):
        return False
    roots = _climb(index, size - 1, leaf, proof)
    return roots is not None and roots[1] == root


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether `proof` shows tree (`old_size`, `old_root`) to be a prefix of the new one.

    RFC 9162 section 2.1.4.2. Beyond it: equal sizes need equal roots and an empty proof, and
    the empty tree, with its own root and an empty proof, is a prefix of every tree. False,
    never an error, for arguments that fit no trees.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE or not _are_hashes(old_root, new_root, *proof):
        return False
    if old_size == 0 and old_root != EMPTY_ROOT:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof
    if not proof:
        return False
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at >>= 1
        last >>= 1
    return _climb(at, last, path[0], path[1:]) == (old_root, new_root)


def _climb(
    at: int, last: int, node: bytes, siblings: Iterable[bytes]
) -> tuple[bytes, bytes] | None:
    """Climb from node number `at` of a level that ends with number `last` to the root.

    The loop that RFC 9162 sections 2.1.3.2 and 2.1.4.2 share. Returns the root of the tree
    that ends with the starting node, and of the whole tree; None when the path is too long
    or too short.
    """
    left_root = whole_root = node
    for sibling in siblings:
        if last == 0:
            return None
        if at & 1 or at == last:
            left_root = node_hash(sibling, left_root)
            whole_root = node_hash(sibling, whole_root)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            whole_root = node_hash(whole_root, sibling)
        at >>= 1
        last >>= 1
    return (left_root, whole_root) if last == 0 else None


def _descend(nodes: Nodes, leaf: int, size: int) -> Iterator[tuple[int, int, bytes]]:
    """Split the tree again and again on the way down to number `leaf`.

    Yields each (start, end) gone into, with the root of the other half.
    """
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if leaf < middle:
            sibling = _range_root(nodes, middle, end)
            end = middle
        else:
            sibling = _range_root(nodes, start, middle)
            start = middle
        yield start, end, sibling


def _range_root(nodes: Nodes, start: int, end: int) -> bytes:
    """Return the root over leaves [start, end), a range that splitting a tree gave."""
    hashes: list[bytes] = []
    while start < end:  # by the largest complete nodes, whose sizes are the width's bits
        level = (end - start).bit_length() - 1
        hashes.append(nodes.node(level, start >> level))
        start += 1 << level
    return _join(hashes)


def _join(hashes: Sequence[bytes]) -> bytes:
    """Return the root over adjoining subtrees, given largest first; there is at least one."""
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)
