"""The manifest of an activation: which memories, at which versions, on which model, as which KV cache."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Self

from memos.infrastructure.chat_models.port import CachedPrefix
from memos.kernel.errors import Damaged
from memos.kernel.event import id_text
from memos.operation.commands.draft import SourceVersion
from memos.operation.reads.context_block import Citation

MEDIA_TYPE = "application/vnd.memos.activation+json"


class CachedMemory(NamedTuple):
    """A memory in the cache.

    Attributes:
        cube_id, version: which it is.
        digest: SHA-256 of what is sealed there, in hex.
        key: of its segment, in hex: it depends on all that stands before it.
    """

    cube_id: str
    version: int
    digest: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationManifest:
    """What the body of an activation says of it. It holds no tensor: those are the model's, and can be
    computed again.

    Attributes:
        model: the model's name.
        model_digest: of all that the numbers depend on beside the tokens, in hex.
        tokens, size: what the cache holds, and takes in memory, in bytes.
        tier: where it is kept.
        memories: in the order of the cache.
        instructions: the caller's own, in front of the memories.
        state: a context in which the memories are pinned.
        policy: of the scheduler, which decided on it; empty where a caller asked for it.
    """

    model: str
    model_digest: str
    tokens: int
    size: int
    tier: str
    memories: tuple[CachedMemory, ...]
    instructions: str
    state: str
    policy: str = ""

    @classmethod
    def of(
        cls,
        model: str,
        prefix: CachedPrefix,
        sources: tuple[SourceVersion, ...],
        instructions: str,
        state: str,
        policy: str,
    ) -> Self:
        """The manifest of what a model has just computed."""
        return cls(
            model=model,
            model_digest=prefix.model_digest.hex(),
            tokens=prefix.tokens,
            size=prefix.bytes,
            tier=prefix.tier,
            memories=tuple(
                CachedMemory(id_text(each.cube_id), each.version, each.digest.hex(), key.hex())
                for each, key in zip(sources, prefix.keys, strict=True)
            ),
            instructions=instructions,
            state=state,
            policy=policy,
        )

    @classmethod
    def parse(cls, content: bytes, cube_id: str) -> Self:
        """The manifest in a cube.

        Raises:
            Damaged: it is none.
        """
        try:
            fields = json.loads(content)
            memories = tuple(CachedMemory(*each) for each in fields.pop("memories"))
            return cls(memories=memories, **fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Damaged(
                f"cube {cube_id} is an activation, and holds no manifest of one: evict it, and activate the "
                "memories again"
            ) from error

    @property
    def title(self) -> str:
        """What it is, in words."""
        count = len(self.memories)
        return f"{count} {'memory' if count == 1 else 'memories'} as KV cache of {self.model}"

    @property
    def content(self) -> bytes:
        """As a cube holds it."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()

    @property
    def digest(self) -> bytes:
        """SHA-256 of it (32 bytes)."""
        return sha256(self.content).digest()

    @property
    def cube_ids(self) -> tuple[str, ...]:
        """The memories, in order."""
        return tuple(each.cube_id for each in self.memories)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The memories, in order."""
        return tuple(Citation(each.cube_id, each.version) for each in self.memories)

    def is_of(self, other: Self) -> bool:
        """Whether it is the same cache, asked for in the same way."""
        facts = (self.model_digest, self.memories, self.state, self.policy)
        return facts == (other.model_digest, other.memories, other.state, other.policy)
