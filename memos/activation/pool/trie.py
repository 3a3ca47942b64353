"""The segments of one tenant in one tier as a trie: each under its exact parent."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Sequence

from memos.activation.pool.stored_segment import StoredSegment

_NONE: dict[bytes, None] = {}


class Trie:
    """Segments by key and by parent. A parent may be kept by another tier, or by none."""

    def __init__(self) -> None:
        self._nodes: dict[bytes, StoredSegment] = {}
        self._children: dict[bytes, dict[bytes, None]] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[StoredSegment]:
        return iter(self._nodes.values())

    def get(self, key: bytes) -> StoredSegment | None:
        """The segment of a key."""
        return self._nodes.get(key)

    def add(self, node: StoredSegment) -> None:
        """Take a segment in whose key is not there yet."""
        self._nodes[node.key] = node
        self._children.setdefault(node.parent, {})[node.key] = None

    def remove(self, node: StoredSegment) -> None:
        """Take a segment out; those below it stay, and find it again when it comes back."""
        del self._nodes[node.key]
        siblings = self._children[node.parent]
        del siblings[node.key]
        if not siblings:
            del self._children[node.parent]

    def children(self, key: bytes) -> KeysView[bytes]:
        """The keys of the segments right below one, in the order in which they came."""
        return self._children.get(key, _NONE).keys()

    def is_leaf(self, key: bytes) -> bool:
        """Whether nothing is below a segment."""
        return key not in self._children

    def chain(self, keys: Sequence[bytes]) -> list[StoredSegment]:
        """The longest prefix of a chain of keys, root first, that is here without a gap."""
        found: list[StoredSegment] = []
        parent = b""
        for key in keys:
            node = self._nodes.get(key)
            if node is None or node.parent != parent:
                break
            found.append(node)
            parent = key
        return found
