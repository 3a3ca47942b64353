"""Which memories each segment was computed from: what opens it on a disk, and what takes it out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import replace
from threading import Lock
from typing import NamedTuple

from memos.infrastructure.chat_models.port import PromptMemory

MOST_SEGMENTS = 100_000
"""Of those that were asked for last; what is known of others is learned again when they are asked for."""


class _Source(NamedTuple):
    owner: str
    chain: tuple[PromptMemory, ...]


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
        told = tuple(replace(memory, text="") for memory in memories)
        with self._lock:
            for length, key in enumerate(keys):
                self._put(key, _Source(owner, told[:length]))

    def seals(self, key: bytes) -> tuple[bytes, ...] | None:
        """The seals of all memories that a segment was computed from, root first; None where one of them
        has none, or they are not known.
        """
        with self._lock:
            source = self._sources.get(key)
        if source is None:
            return None
        seals = tuple(memory.seal for memory in source.chain)
        return seals if all(seals) else None

    def forget(self, owner: str, cube_ids: Collection[str]) -> list[bytes]:
        """Forget the seals of some of an owner's memories: what they are in can be written to no disk any more.
        The keys of their own segments.
        """
        wanted = frozenset(cube_ids)
        own = []
        with self._lock:
            for key, source in self._sources.items():
                cubes = [memory.cube_id for memory in source.chain]
                if source.owner != owner or wanted.isdisjoint(cubes):
                    continue
                self._sources[key] = _Source(owner, tuple(map(_unsealed, source.chain)))
                if cubes[-1] in wanted:
                    own.append(key)
        return own

    def _put(self, key: bytes, source: _Source) -> None:
        self._sources[key] = source
        self._sources.move_to_end(key)
        if len(self._sources) > self._most:
            self._sources.popitem(last=False)


def _unsealed(memory: PromptMemory) -> PromptMemory:
    return replace(memory, seal=b"")
