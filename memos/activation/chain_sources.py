"""Which memories each segment was computed from: what opens it on a disk, and what takes it out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from threading import Lock
from typing import NamedTuple

from memos.infrastructure.chat_models.port import PromptMemory

MOST_SEGMENTS = 100_000
"""Of those that were asked for last; what is known of others is learned again when they are asked for."""


class _Source(NamedTuple):
    owner: str
    cube_id: str
    seals: tuple[bytes, ...]


class ChainSources:
    """Learns it from each prompt. Safe for threads."""

    def __init__(self, most: int = MOST_SEGMENTS) -> None:
        self._most = most
        self._sources: OrderedDict[bytes, _Source] = OrderedDict()
        self._lock = Lock()

    def learn(self, owner: str, keys: Sequence[bytes], memories: Sequence[PromptMemory]) -> None:
        """Take in a chain.

        Args:
            owner: whose memories they are.
            keys: of its segments: of the opening, which holds no memory, and of each memory.
            memories: in the order of the chain.
        """
        seals: tuple[bytes, ...] = ()
        with self._lock:
            self._put(keys[0], _Source(owner, "", seals))
            for key, memory in zip(keys[1:], memories, strict=True):
                seals = (*seals, memory.seal)
                self._put(key, _Source(owner, memory.cube_id, seals))

    def seals(self, key: bytes) -> tuple[bytes, ...] | None:
        """The seals of all memories that a segment was computed from, root first; None where one of them
        has none, or they are not known.
        """
        with self._lock:
            source = self._sources.get(key)
        return source.seals if source is not None and all(source.seals) else None

    def segments_of(self, owner: str, cube_ids: Collection[str]) -> list[bytes]:
        """The keys of the segments of some of an owner's memories."""
        wanted = frozenset(cube_ids)
        with self._lock:
            return [
                key
                for key, source in self._sources.items()
                if source.owner == owner and source.cube_id in wanted
            ]

    def _put(self, key: bytes, source: _Source) -> None:
        self._sources[key] = source
        self._sources.move_to_end(key)
        if len(self._sources) > self._most:
            self._sources.popitem(last=False)
