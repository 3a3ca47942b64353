"""Generations: a model's collections behind an alias, so that a rebuild goes on beside the live one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from memos.infrastructure.index.milvus.connection import SLOW_SECONDS, Milvus
from memos.infrastructure.index.milvus.schema import create_collection
from memos.kernel.errors import IndexUnavailable, InvalidInput

_DIGEST_BYTES = 8


class Generations:
    """The collections of one embedder's model.

    Names are `{prefix}_{16 hex digits of the model}_g{n}`; the alias is the same without `_g{n}`
    and is what readers ask. Who writes names the generation.

    Args:
        milvus: where they are.
        digest: of the embedder's model.
        dimensions: the width of its vectors.
    """

    def __init__(self, milvus: Milvus, digest: bytes, dimensions: int) -> None:
        self._milvus = milvus
        self._dimensions = dimensions
        self.alias = f"{milvus.settings.prefix}_{digest[:_DIGEST_BYTES].hex()}"

    def name(self, generation: int) -> str:
        """The collection of a generation."""
        return f"{self.alias}_g{generation}"

    def all(self) -> list[int]:
        """The generations that exist, ascending.

        Raises:
            IndexUnavailable: the server does not answer; so do all methods here.
        """
        with self._milvus.doing("list its collections"):
            names = self._milvus.client.list_collections(timeout=self._milvus.settings.timeout)
        pattern = re.compile(re.escape(self.alias) + r"_g(\d+)")
        return sorted(int(match[1]) for match in map(pattern.fullmatch, names) if match)

    def live(self) -> int | None:
        """The generation that readers see; None before the first."""
        for generation in self.all():
            try:
                aliases = self._aliases(generation)
            except IndexUnavailable:
                if generation in self.all():
                    raise
                continue  # it was dropped meanwhile
            if self.alias in aliases:
                return generation
        return None

    def _aliases(self, generation: int) -> Sequence[str]:
        timeout = self._milvus.settings.timeout
        with self._milvus.doing("list its aliases"):
            told = self._milvus.client.list_aliases(self.name(generation), timeout=timeout)
        aliases: Sequence[str] = told.get("aliases", ())
        return aliases

    def create(self) -> int:
        """The live generation, loaded; made where there is none.

        Where several processes do it at once, all but one may be refused: it can be done again.
        """
        live = self.live()
        generation = live or (self.all() or [1])[-1]
        if live is not None:
            self._check_width(live)
        create_collection(self._milvus, self.name(generation), self._dimensions)
        self.switch(generation)
        return generation

    def new_generation(self, may_claim: Callable[[int], bool] = lambda _: True) -> int:
        """An empty generation beside the live one; `may_claim` is asked for each that seems free."""
        generation = (self.all() or [0])[-1] + 1
        while not may_claim(generation):
            generation += 1
        create_collection(self._milvus, self.name(generation), self._dimensions)
        return generation

    def switch(self, generation: int) -> None:
        """Show a generation to readers, at once, in place of the one that was live."""
        if generation not in self.all():
            raise InvalidInput(f"there is no collection {self.name(generation)} to switch to")
        client, timeout = self._milvus.client, self._milvus.settings.timeout
        live = self.live()
        with self._milvus.doing(f"point {self.alias} to generation {generation}"):
            if live is None:
                client.create_alias(self.name(generation), self.alias, timeout=timeout)
            elif live != generation:
                client.alter_alias(self.name(generation), self.alias, timeout=timeout)

    def drop(self, generation: int) -> None:
        """Remove a generation that is not live; harmless when repeated."""
        if generation == self.live():
            raise InvalidInput(
                f"generation {generation} is live: switch to another before dropping it"
            )
        with self._milvus.doing(f"drop generation {generation}"):
            self._milvus.client.drop_collection(self.name(generation), timeout=SLOW_SECONDS)

    def drop_all(self) -> None:
        """Remove the model: its alias and every generation."""
        if self.live() is not None:
            with self._milvus.doing(f"drop the alias {self.alias}"):
                self._milvus.client.drop_alias(self.alias, timeout=SLOW_SECONDS)
        for generation in self.all():
            self.drop(generation)

    def _check_width(self, generation: int) -> None:
        name = self.name(generation)
        with self._milvus.doing(f"describe the collection {name}"):
            description = self._milvus.client.describe_collection(
                name, timeout=self._milvus.settings.timeout
            )
        (width,) = (
            int(field["params"]["dim"])
            for field in description["fields"]
            if field["name"] == "dense"
        )
        if width != self._dimensions:
            raise InvalidInput(
                f"the collection {name} holds vectors of {width} numbers, the embedder gives "
                f"{self._dimensions}: an embedder with another width must have another digest"
            )
