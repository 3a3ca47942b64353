"""A model that keeps the KV cache of memories, as far as the store sees it: what it was given, and evicts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from hashlib import sha256
from itertools import accumulate

from memos import CachedPrefix, ChatPrompt, PrefillCosts, TokenUsage
from memos.infrastructure.chat_models.caching_models import note_caching_model


class NotingModel:
    """Computes nothing; a token is a character.

    Args:
        meanwhile: what happens while it computes.
    """

    def __init__(
        self, name: str = "noting", meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        self.name = name
        self.prefilled: list[ChatPrompt] = []
        self.asked: list[ChatPrompt] = []
        self.evicted_keys: list[bytes] = []
        self.kept: dict[tuple[str, str], str] = {}
        self._meanwhile = meanwhile
        note_caching_model(self)

    def stream(self, prompt: ChatPrompt) -> Iterator[str | TokenUsage]:
        self.asked.append(prompt)
        yield "Yes."

    def prefill(self, prompt: ChatPrompt) -> CachedPrefix:
        self.prefilled.append(prompt)
        self._meanwhile()
        for memory in prompt.pinned:
            self.kept[prompt.owner, memory.cube_id] = memory.text
        said = [prompt.opening, *(memory.text for memory in prompt.pinned)]
        chain = list(accumulate(said))
        return CachedPrefix(
            keys=tuple(sha256(each.encode()).digest() for each in chain[1:]),
            model_digest=sha256(self.name.encode()).digest(),
            tokens=len(chain[-1]),
            bytes=4 * len(chain[-1]),
            computed_tokens=len(chain[-1]),
            milliseconds=1.0,
            tier="memory",
        )

    def prefill_costs(self) -> PrefillCosts:
        return PrefillCosts(4, 1.0)

    def count_tokens(self, text: str) -> int:
        return len(text)

    def evict(
        self, owner: str, cube_ids: Collection[str] = (), keys: Collection[bytes] = ()
    ) -> int:
        self.evicted_keys.extend(keys)
        return sum(self.kept.pop((owner, cube_id), None) is not None for cube_id in cube_ids)
